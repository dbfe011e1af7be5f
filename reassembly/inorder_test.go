package reassembly

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

// everything is all that an Assembler emits for packets, with the state of the connection after each segment. The general path
// takes every packet through reopen, arrive and deliver.
func everything(packets []capture.Packet, general bool) (lines []string, fast int) {
	a := New(Options{})
	source := func(yield func(capture.Packet, error) bool) {
		for _, p := range packets {
			a.flows.all(func(f *flow) {
				if general {
					f.steady = false
				} else if f.steady {
					fast++
				}
			})
			if !yield(p, nil) {
				return
			}
		}
	}
	for seg := range a.Segments(source) {
		s, c := *seg, *seg.Conn
		s.Conn = nil
		lines = append(lines, fmt.Sprintf("%+v of %+v", s, c))
	}
	return append(lines, fmt.Sprintf("%+v", a.Stats())), fast
}

func compareWays(t *testing.T, name string, packets []capture.Packet) (fast int) {
	t.Helper()
	want, _ := everything(packets, true)
	got, fast := everything(packets, false)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("%s: segment %d of %d and %d\n%s\n%s", name, i, len(want), len(got), want[min(i, len(want)-1)], got[min(i, len(got)-1)])
		}
	}
	return fast
}

// mishaps is a talk with much of what happens to packets: loss, disorder, copies, snapshots, old acknowledgements.
func mishaps(seed uint64) []capture.Packet {
	r := rand.New(rand.NewPCG(seed, 8))
	k := chatter(r, seed%3 > 0)
	if seed%2 == 0 {
		k.again(r)
	}
	if seed%5 == 0 {
		k.disorder(r, 45, seed%4 < 2)
	}
	if seed%7 < 3 {
		k.copies(r)
	}
	kept := k.packets[:0]
	for _, p := range k.packets {
		if seed%4 == 1 && r.IntN(20) == 0 {
			continue
		}
		if p.flags == ACK && r.IntN(8) == 0 {
			p.flags |= PSH
		}
		if seed%3 == 1 && len(p.data) > 4 && r.IntN(10) == 0 {
			p.snap = 3
		}
		if seed%3 == 2 {
			p.id = 0 // so that only its time shows its place
		}
		if seed%6 == 2 && p.ack > 20 && r.IntN(10) == 0 {
			p.ack -= int64(r.IntN(20)) // an acknowledgement from before
		}
		kept = append(kept, p)
	}
	return build(kept, r.Uint32(), r.Uint32())
}

// The early return inOrder emits what the general path emits: on conversations with loss, disorder, copies, snapshots and scaled
// windows, and on real captures.
func TestInOrderIsTheGeneralPath(t *testing.T) {
	fast := 0
	for seed := range uint64(400) {
		fast += compareWays(t, fmt.Sprintf("seed %d", seed), mishaps(seed))
	}
	if fast < 5000 {
		t.Errorf("only %d packets might return early", fast)
	}
	for _, name := range []string{"01a_small.pcap", "04_large.pcap", "seed1_article.pcap", "04_goredis_pipeline.pcap"} {
		packets := readPcap(t, testcap.Path(t, name))
		compareWays(t, name, packets[:min(len(packets), 4000)])
	}
}

// A copy is known by the window as it was sent, also on a connection that scales it.
func TestCopyOnScaledConnection(t *testing.T) {
	scale := []byte{optScale, 3, 7, optNop}
	var packets []capture.Packet
	add := func(src, dst [4]byte, sp, dp uint16, seq, ack uint32, flags Flags, options []byte, text string) {
		id := uint16(len(packets) + 1)
		data := ipv4Bytes(netip.AddrFrom4(src), netip.AddrFrom4(dst), protoTCP, id, tcpBytes(sp, dp, seq, ack, flags, options, []byte(text)))
		packets = append(packets, capture.Packet{Time: capture.Time(1e18 + len(packets)*1e6), Frame: int64(id),
			Link: capture.LinkRaw, Length: len(data), Data: data})
	}
	a, b := [4]byte{10, 0, 0, 1}, [4]byte{10, 0, 0, 2}
	add(a, b, 40000, 6379, 99, 0, SYN, scale, "")
	add(b, a, 6379, 40000, 199, 100, SYN|ACK, scale, "")
	add(a, b, 40000, 6379, 100, 200, ACK, nil, "")
	for i := range uint32(20) {
		add(a, b, 40000, 6379, 100+4*i, 200+4*i, ACK|PSH, nil, "ping")
		add(b, a, 6379, 40000, 200+4*i, 104+4*i, ACK|PSH, nil, "pong")
	}
	var twice []capture.Packet
	for _, p := range packets[3:] {
		again := p
		again.Time += 1000
		twice = append(twice, p, again)
	}
	s := New(Options{})
	for seg, err := range s.Segments(from(append(packets[:3:3], twice...))) {
		if err != nil || seg.Repeated != 0 || seg.Conflict {
			t.Fatalf("%+v %v", seg, err)
		}
	}
	if got := s.Stats().Duplicates; got != 40 {
		t.Errorf("%d copies, want 40", got)
	}
}
