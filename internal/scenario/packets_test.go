package scenario

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/respsniff/respsniff/capture"
)

const everything = `
host web 10.0.0.1
host db 10.0.0.2
conn c1 web:40001 -> db:6379
conn c2 web:40002 -> db:6379 midstream isn=4294967290/7
conn c3 [fd00::1]:40003 -> [fd00::2]:6379 rtt=30ms notimestamps
conn c4 web:40004 -> db:6379 gso acks=0s noipid
repeat 20 every 1ms { c1 > GET k{i} => $v{i} ; c2 > GET k{i} => nil }
1.0 c1 > GET a
+300ms c1 > GET b
+10ms c1 < $A | $B
c1 > SET big <50000> => +OK
c3 > GET big => $<40000>
c3 split=3,9 > PING => +PONG
c3 > FIN
c3 < FIN
c4 > GET big => $<300000>
c4 > PING =>2ms +PONG
+1s c4 > QUIT
c4 fin < +OK
c4 > RST
meanwhile { +40s c2 < keepalive }
+1s c1 < FIN
`

// stream puts the payloads of one direction together by sequence number, as a receiver does. It fails at a hole.
func stream(t *testing.T, packets []capture.Packet, key flow) []byte {
	t.Helper()
	var all []*frame
	for _, p := range packets {
		f, ok := parseFrame(p)
		if ok && f.flow() == key && len(f.payload) > 0 {
			all = append(all, &f)
		}
	}
	if len(all) == 0 {
		return nil
	}
	base := all[0].seq()
	for _, f := range all {
		if before(f.seq(), base) {
			base = f.seq()
		}
	}
	slices.SortStableFunc(all, func(a, b *frame) int { return cmp.Compare(a.seq()-base, b.seq()-base) })
	var out []byte
	for _, f := range all {
		at := int(f.seq() - base)
		if at > len(out) {
			t.Fatalf("%v: hole at %d of %d", key, len(out), at)
		}
		if end := at + len(f.payload); end > len(out) {
			out = append(out, f.payload[len(out)-at:]...)
		}
	}
	return out
}

// written gives what a scenario's actions write on one side of a connection.
func written(s *Scenario, name string, from side) []byte {
	var out []byte
	for _, a := range s.actions {
		if a.conn.name == name && a.from == from {
			out = append(out, a.payload...)
		}
	}
	return out
}

func TestStreamsAreWhatWasWritten(t *testing.T) {
	s := mustParse(t, everything)
	packets := s.List()
	for _, c := range s.conns {
		for _, from := range []side{client, server} {
			key := flow{c.ends[from], c.ends[from.other()]}
			if got, want := stream(t, packets, key), written(s, c.name, from); !bytes.Equal(got, want) {
				t.Errorf("%s side %d: %d bytes on the wire, %d written", c.name, from, len(got), len(want))
			}
		}
	}
}

func TestPacketsAreInOrderOfTimeAndDeterministic(t *testing.T) {
	s := mustParse(t, everything)
	a, b := s.List(), mustParse(t, everything).List()
	if len(a) != len(b) {
		t.Fatal("two runs differ")
	}
	for i := range a {
		if !bytes.Equal(a[i].Data, b[i].Data) || a[i].Time != b[i].Time {
			t.Fatalf("packet %d differs between runs", i)
		}
		if i > 0 && a[i].Time < a[i-1].Time {
			t.Errorf("packet %d goes back in time", i)
		}
		if a[i].Frame != int64(i+1) {
			t.Errorf("packet %d has frame number %d", i, a[i].Frame)
		}
	}
}

// TestAcknowledgementsKnowOnlyWhatHasArrived recomputes, from the packets alone, what each kernel can have received.
func TestAcknowledgementsKnowOnlyWhatHasArrived(t *testing.T) {
	for _, vantage := range []string{"client", "server"} {
		s := mustParse(t, "vantage "+vantage+"\n"+everything)
		rtt := map[flow]int64{}
		fromClient := map[flow]bool{}
		for _, c := range s.conns {
			a := flow{c.ends[0], c.ends[1]}
			rtt[a], rtt[a.back()] = int64(c.rtt), int64(c.rtt)
			fromClient[a] = true
		}
		type seen struct {
			at  int64
			end uint32
		}
		sent := map[flow][]seen{}
		for _, p := range s.List() {
			f, _ := parseFrame(p)
			key := f.flow()
			near := fromClient[key] == (vantage == "client")
			if f.flags()&flagACK != 0 && f.flags()&flagRST == 0 {
				latest := int64(p.Time)
				if !near {
					latest -= rtt[key]
				}
				arrived, any, all := uint32(0), false, len(sent[key.back()])
				for _, x := range sent[key.back()] {
					if x.at <= latest && (!any || before(arrived, x.end)) {
						arrived, any = x.end, true
					}
				}
				if any && before(arrived, f.ack()) {
					t.Errorf("vantage %s: frame %d acknowledges %d bytes that had not arrived", vantage, p.Frame, f.ack()-arrived)
				}
				if !any && all > 0 {
					t.Logf("frame %d acknowledges nothing seen", p.Frame)
				}
			}
			end := f.seq() + uint32(f.length())
			if f.flags()&(flagSYN|flagFIN) != 0 {
				end++
			}
			sent[key] = append(sent[key], seen{int64(p.Time), end})
		}
	}
}

func TestChecksumsAndLengths(t *testing.T) {
	for _, link := range Links() {
		for _, p := range mustParse(t, "link "+link+"\n"+everything).List() {
			n, ok := linkHeaderLen(p.Link, p.Data)
			if !ok {
				t.Fatalf("%s: frame %d: no link header", link, p.Frame)
			}
			var first gopacket.LayerType = layers.LayerTypeIPv4
			if p.Data[n]>>4 == 6 {
				first = layers.LayerTypeIPv6
			}
			pkt := gopacket.NewPacket(p.Data[n:], first, gopacket.Default)
			if bad := pkt.ErrorLayer(); bad != nil {
				t.Fatalf("%s: frame %d: %v", link, p.Frame, bad.Error())
			}
			tcp := pkt.TransportLayer().(*layers.TCP)
			if err := tcp.SetNetworkLayerForChecksum(pkt.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
			want := tcp.Checksum
			if got, err := tcp.ComputeChecksum(); err != nil || got != 0 && got != want {
				t.Fatalf("%s: frame %d: checksum %#x, computed over it %#x, %v", link, p.Frame, want, got, err)
			}
		}
	}
}

// anomalies asks tshark for packets that it finds odd, but for what a scenario writes on purpose.
func anomalies(t *testing.T, packets []capture.Packet) []string {
	return tshark(t, "-n", "-r", writePcap(t, packets), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
		"-Y", `(tcp.analysis.flags && !tcp.analysis.keep_alive && !tcp.analysis.keep_alive_ack && !tcp.analysis.window_update) || tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed`)
}

func TestTsharkFindsNothingOdd(t *testing.T) {
	for _, vantage := range []string{"client", "server"} {
		for _, l := range anomalies(t, mustParse(t, "vantage "+vantage+"\n"+everything).List()) {
			t.Errorf("vantage %s: %s", vantage, l)
		}
	}
	odd := strings.Replace(everything, "c1 > GET b", "c1 > again", 1)
	if len(anomalies(t, mustParse(t, odd).List())) == 0 {
		t.Error("a retransmission passes for clean: this test cannot fail")
	}
}

// acks lists the acknowledgements of one side as relative numbers, in order.
func acks(t *testing.T, s *Scenario, from side) []uint32 {
	t.Helper()
	c := s.conns[0]
	var out []uint32
	for _, p := range s.List() {
		if f, _ := parseFrame(p); f.src() == c.ends[from] && f.flags()&flagSYN == 0 {
			out = append(out, f.ack()-c.isn[from.other()])
		}
	}
	return out
}

func TestLostSegmentHoldsBackAcknowledgements(t *testing.T) {
	s := mustParse(t, `conn c1 10.0.0.1:40001 -> 10.0.0.2:6379 isn=100/200 acks=1ms
0.1 c1 lost part=0..5 > PING
0.2 c1 part=5..10 > PING
0.3 c1 part=10.. > PING
0.4 c1 > again 1
0.5 c1 < +PONG`)
	if got, want := acks(t, s, server), []uint32{1, 1, 15, 15}; !slices.Equal(got, want) {
		t.Errorf("the server acknowledges %v, want %v: two duplicates, then all at once", got, want)
	}
}

func TestDelayedAcknowledgement(t *testing.T) {
	s := mustParse(t, `conn c1 10.0.0.1:40001 -> 10.0.0.2:6379 isn=100/200 acks=40ms/1h
0.100 c1 > GET a
0.101 c1 < $A
0.102 c1 > GET b
0.103 c1 < $B`)
	if got, want := acks(t, s, client), []uint32{1, 1, 8, 15}; !slices.Equal(got, want) {
		t.Errorf("the client acknowledges %v, want %v", got, want)
	}
	last := s.List()
	if at, want := last[len(last)-1].Time, s.Time(143*time.Millisecond); at != want {
		t.Errorf("the last acknowledgement leaves at %v, want %v", at.Std(), want.Std())
	}
}

func TestLateAndTwice(t *testing.T) {
	s := mustParse(t, `conn c1 10.0.0.1:40001 -> 10.0.0.2:6379 isn=100/200 acks=1h
0.100 c1 late=3ms > GET a
0.101 c1 twice > GET b
0.102 c1 > GET c
0.110 c1 < $A | $B | $C`)
	type seen struct {
		at  time.Duration
		seq uint32
	}
	var got []seen
	for _, p := range s.List() {
		if f, _ := parseFrame(p); len(f.payload) > 0 && f.src() == s.conns[0].ends[client] {
			got = append(got, seen{p.Time.Sub(s.Time(0)), f.seq() - 100})
		}
	}
	want := []seen{
		{101 * time.Millisecond, 21}, {101*time.Millisecond + spanDelay, 21}, {102 * time.Millisecond, 41}, {103 * time.Millisecond, 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := acks(t, s, server), []uint32{1, 1, 61, 61}; !slices.Equal(got, want) {
		t.Errorf("the server acknowledges %v, want %v", got, want)
	}
}
