package scenario

import (
	"bytes"
	"io"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

// readPcap reads a capture without the package under capture, so that a fault there does not show here.
func readPcap(t testing.TB, path string) []capture.Packet {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []capture.Packet
	for {
		data, ci, err := r.ReadPacketData()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, capture.Packet{
			Time: capture.TimeOf(ci.Timestamp), Frame: int64(len(out) + 1), Link: capture.LinkType(r.LinkType()), Length: ci.Length, Data: data,
		})
	}
}

// damages lists every damage with a word for it.
func damages() map[string]Damage {
	return map[string]Damage{
		"drop rate":        DropRate(0.05, 1),
		"drop bursts":      DropBursts(0.1, 5, 1),
		"drop one":         DropOne(7),
		"start at":         StartAt(9),
		"duplicate":        Duplicate(0.5, 1),
		"reorder":          Reorder(0.5, 1),
		"shuffle":          ShuffleFileOrder(1),
		"clock":            ClockStep(12, -300*time.Millisecond),
		"snap":             Snap(96),
		"resegment":        Resegment(4, 1),
		"coalesce":         Coalesce(),
		"spurious":         SpuriousRetransmit(0.5, 1),
		"client only":      OneSide(Client),
		"server only":      OneSide(Server),
		"vantage":          ShiftVantage(2 * time.Millisecond),
		"relink vlan":      Relink("vlan"),
		"relink qinq":      Relink("qinq"),
		"relink sll":       Relink("sll"),
		"relink sll2":      Relink("sll2"),
		"relink null":      Relink("null"),
		"relink raw":       Relink("raw"),
		"relink ethernet":  Relink("ethernet"),
		"no timestamps":    NoTimestamps(),
		"zero identifiers": ZeroIPID(),
		"ipv6":             ToIPv6(),
		"rerecord":         Rerecord(1),
	}
}

// inputs are captures to damage: a scenario and real ones.
func inputs(t *testing.T) map[string][]capture.Packet {
	return map[string][]capture.Packet{
		"scenario":      mustParse(t, everything).List(),
		"01a_small":     readPcap(t, testcap.Path(t, "01a_small.pcap")),
		"seed1_article": readPcap(t, testcap.Path(t, "seed1_article.pcap")),
	}
}

func clone(packets []capture.Packet) []capture.Packet {
	out := slices.Clone(packets)
	for i := range out {
		out[i].Data = bytes.Clone(out[i].Data)
	}
	return out
}

func TestInvarianceListsNameEachDamageOnce(t *testing.T) {
	packets := mustParse(t, everything+"conn c5 web:40005 -> db:6379\nrepeat 300 every 1ms { c5 > GET k{i} => $v }").List()
	names := map[string]bool{}
	for _, n := range slices.Concat(Harmless(7), Lossy(7)) {
		if names[n.Name] {
			t.Errorf("%s is listed twice", n.Name)
		}
		names[n.Name] = true
		if n.Name == "link ethernet" {
			continue
		}
		if reflect.DeepEqual(Apply(packets, n.Damage), packets) {
			t.Errorf("%s changes nothing", n.Name)
		}
	}
	for _, n := range Harmless(2) {
		if n.Name == "recorded again" {
			continue // other ports
		}
		if !reflect.DeepEqual(streams(t, Apply(packets, n.Damage)), streams(t, packets)) {
			t.Errorf("%s changes the bytes", n.Name)
		}
	}
}

func TestDamageIsDeterministicAndLeavesItsInputAlone(t *testing.T) {
	for in, packets := range inputs(t) {
		before := clone(packets)
		for name, d := range damages() {
			one, two := Apply(packets, d), Apply(packets, d)
			if !reflect.DeepEqual(one, two) {
				t.Errorf("%s, %s: two runs differ", in, name)
			}
			if !reflect.DeepEqual(packets, before) {
				t.Fatalf("%s, %s: the input was changed", in, name)
			}
			for i, p := range one {
				f, ok := parseFrame(p)
				if !ok || p.Frame != int64(i+1) || p.Length < len(p.Data) || f.length() < 0 {
					t.Fatalf("%s, %s: packet %d is broken: %+v", in, name, i, p)
				}
			}
		}
	}
}

// streams gives the bytes of every direction of packets.
func streams(t *testing.T, packets []capture.Packet) map[flow]string {
	t.Helper()
	out := map[flow]string{}
	for _, p := range packets {
		if f, ok := parseFrame(p); ok {
			if _, done := out[f.flow()]; !done {
				out[f.flow()] = string(stream(t, packets, f.flow()))
			}
		}
	}
	return out
}

func TestHarmlessDamageKeepsTheStreams(t *testing.T) {
	for in, packets := range inputs(t) {
		want := streams(t, packets)
		for _, name := range []string{
			"duplicate", "reorder", "shuffle", "clock", "resegment", "coalesce", "spurious", "vantage", "relink vlan", "relink qinq", "relink sll",
			"relink sll2", "relink null", "relink raw", "no timestamps", "zero identifiers",
		} {
			got := streams(t, Apply(packets, damages()[name]))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s changes the bytes", in, name)
			}
		}
	}
}

// firstAcks maps each place of a direction's stream to the acknowledgement its first copy carried.
func firstAcks(t *testing.T, packets []capture.Packet) map[flow]map[uint32]uint32 {
	t.Helper()
	out := map[flow]map[uint32]uint32{}
	for _, p := range packets {
		f, ok := parseFrame(p)
		if !ok || len(f.payload) == 0 {
			continue
		}
		m := out[f.flow()]
		if m == nil {
			m = map[uint32]uint32{}
			out[f.flow()] = m
		}
		for i := range f.payload {
			if _, seen := m[f.seq()+uint32(i)]; !seen {
				m[f.seq()+uint32(i)] = f.ack()
			}
		}
	}
	return out
}

func TestResegmentingKeepsEveryByteAcknowledgement(t *testing.T) {
	for in, packets := range inputs(t) {
		want := firstAcks(t, packets)
		for _, name := range []string{"resegment", "coalesce", "duplicate", "spurious"} {
			if !reflect.DeepEqual(firstAcks(t, Apply(packets, damages()[name])), want) {
				t.Errorf("%s: after %s a byte's first copy carries another acknowledgement", in, name)
			}
		}
	}
}

func TestDamageDoesWhatItSays(t *testing.T) {
	s := mustParse(t, everything)
	packets := s.List()
	n := len(packets)
	count := func(d Damage) int { return len(Apply(packets, d)) }
	for _, tt := range []struct {
		name      string
		got       int
		low, high int
	}{
		{"5 % lost", count(DropRate(0.05, 3)), n * 90 / 100, n * 99 / 100},
		{"bursts", count(DropBursts(0.2, 4, 3)), n * 55 / 100, n * 95 / 100},
		{"one lost", count(DropOne(0)), n - 1, n - 1},
		{"late start", count(StartAt(10)), n - 10, n - 10},
		{"half doubled", count(Duplicate(0.5, 3)), n * 130 / 100, n * 170 / 100},
		{"cut up", count(Resegment(5, 3)), n * 130 / 100, n * 400 / 100},
		{"merged", count(Coalesce()), n * 30 / 100, n * 95 / 100},
		{"sent again", count(SpuriousRetransmit(0.3, 3)), n * 105 / 100, n * 150 / 100},
		{"both sides", count(OneSide(Client)) + count(OneSide(Server)), n, n},
	} {
		if tt.got < tt.low || tt.got > tt.high {
			t.Errorf("%s: %d packets of %d, expected %d..%d", tt.name, tt.got, n, tt.low, tt.high)
		}
	}
	disorder := func(packets []capture.Packet) (back int, worst time.Duration) {
		latest := packets[0].Time
		for _, p := range packets {
			if p.Time < latest {
				back++
				worst = max(worst, latest.Sub(p.Time))
			}
			latest = max(latest, p.Time)
		}
		return back, worst
	}
	if back, worst := disorder(Apply(packets, ShuffleFileOrder(3))); back < n/10 || worst >= 50*time.Millisecond {
		t.Errorf("shuffled: %d packets behind, the worst by %v", back, worst)
	}
	moved := Apply(packets, Reorder(0.5, 3))
	if back, _ := disorder(moved); back != 0 {
		t.Error("reordered packets keep the times of the places")
	}
	changed := 0
	for i := range moved {
		if !bytes.Equal(moved[i].Data, packets[i].Data) {
			changed++
		}
	}
	if changed < n/5 {
		t.Errorf("reordered: only %d of %d places changed", changed, n)
	}
	newerAcks := 0
	first := firstAcks(t, packets)
	for _, p := range Apply(packets, SpuriousRetransmit(1, 3)) {
		if f, _ := parseFrame(p); len(f.payload) > 0 && f.ack() != first[f.flow()][f.seq()] {
			newerAcks++
		}
	}
	if newerAcks < 20 {
		t.Errorf("%d retransmissions carry a newer acknowledgement", newerAcks)
	}
	for _, p := range Apply(packets, Snap(60)) {
		if len(p.Data) > 60 || p.Length < 54 {
			t.Fatalf("snapped frame %d holds %d of %d bytes", p.Frame, len(p.Data), p.Length)
		}
	}
	for _, p := range Apply(packets, ToIPv6(), Relink("sll2"), ZeroIPID(), NoTimestamps()) {
		f, _ := parseFrame(p)
		if at, _ := f.option(8); !f.src().Addr().Is6() || p.Link != capture.LinkSLL2 || at != 0 {
			t.Fatalf("frame %d: %v, link %d, timestamps at %d", p.Frame, f.src(), p.Link, at)
		}
	}
}

func TestShiftedVantageIsTheServersView(t *testing.T) {
	const rtt = 30 * time.Millisecond
	src := "conn c1 10.0.0.1:40001 -> 10.0.0.2:6379 rtt=30ms acks=1h/1h\n0.5 c1 > GET a\n0.6 c1 < $A\n0.7 c1 > FIN\n0.8 c1 < FIN"
	there := Apply(mustParse(t, src).List(), ShiftVantage(rtt))
	back := Apply(there, ShiftVantage(-rtt))
	if !reflect.DeepEqual(back, mustParse(t, src).List()) {
		t.Error("shifting there and back is not the identity")
	}
	var times []time.Duration
	for _, p := range there[3:5] {
		times = append(times, p.Time.Std().Sub(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	}
	if want := []time.Duration{515 * time.Millisecond, 585 * time.Millisecond}; !slices.Equal(times, want) {
		t.Errorf("request and reply at %v, want %v", times, want)
	}
}

func TestRerecordChangesAllButTheConversation(t *testing.T) {
	for in, packets := range inputs(t) {
		again := Apply(packets, Rerecord(5))
		var a, b []string
		ports := map[uint16]bool{}
		for i := range packets {
			f, _ := parseFrame(packets[i])
			g, _ := parseFrame(again[i])
			a, b = append(a, string(f.payload)), append(b, string(g.payload))
			if f.src() == g.src() && f.dst() == g.dst() || f.seq() == g.seq() {
				t.Errorf("%s: frame %d kept its ports or sequence numbers", in, i+1)
			}
			ports[g.src().Port()], ports[g.dst().Port()] = true, true
		}
		if !slices.Equal(a, b) {
			t.Errorf("%s: payloads changed", in)
		}
		if d := again[len(again)-1].Time.Sub(again[0].Time); d != packets[len(packets)-1].Time.Sub(packets[0].Time) {
			t.Errorf("%s: distances in time changed", in)
		}
	}
	if len(anomalies(t, Apply(mustParse(t, everything).List(), Rerecord(5), Resegment(3, 1)))) != 0 {
		t.Error("tshark finds a re-recorded, re-segmented capture odd")
	}
}

func TestMergeIsInOrderOfTime(t *testing.T) {
	a := mustParse(t, everything).List()
	b := Apply(a, ToIPv6())
	m := Merge(a, b)
	if len(m) != len(a)+len(b) || !slices.IsSortedFunc(m, func(x, y capture.Packet) int { return int(max(-1, min(1, x.Time-y.Time))) }) {
		t.Error("merged packets are lost or out of order")
	}
}

// FuzzParseFrame looks for packets on which taking apart panics, or that do not survive being put together.
func FuzzParseFrame(f *testing.F) {
	for _, link := range []string{"ethernet", "qinq", "sll2"} {
		for _, p := range mustParse(f, "link "+link+"\n"+head+"c1 > PING => +PONG").List() {
			f.Add(uint16(p.Link), p.Data, p.Length)
		}
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, length int) {
		if length < len(data) || length > 1<<20 {
			return
		}
		a, ok := parseFrame(capture.Packet{Link: capture.LinkType(link), Data: data, Length: length})
		if !ok {
			return
		}
		b, ok := parseFrame(a.packet())
		if !ok || !bytes.Equal(a.payload, b.payload) || a.flow() != b.flow() || a.length() != b.length() {
			t.Fatalf("%+v became %+v", a, b)
		}
	})
}

func TestCoalesceKeepsSegmentsApartWhoseAcknowledgementsDiffer(t *testing.T) {
	for _, tt := range []struct {
		second string
		want   int
	}{
		{"+5us c1 ack=1 > GET b", 1},
		{"+5us c1 ack=9 > GET b", 2},
		{"+50us c1 ack=1 > GET b", 2},
	} {
		n := 0
		for _, p := range Apply(mustParse(t, head+"0.1 c1 ack=1 > GET a\n"+tt.second).List(), Coalesce()) {
			if f, _ := parseFrame(p); len(f.payload) > 0 {
				n++
			}
		}
		if n != tt.want {
			t.Errorf("%s: %d segments, want %d", tt.second, n, tt.want)
		}
	}
}
