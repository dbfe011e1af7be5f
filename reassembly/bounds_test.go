package reassembly

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

func TestEviction(t *testing.T) {
	var list []pk
	list = append(list, hello()...)
	silent := hello() // established, and silent longer than any half-open connection of the flood
	for i := range silent {
		silent[i].port = 50000
	}
	list = append(list, silent...)
	for i := range 5000 {
		list = append(list, pk{ms: 10 + float64(i), from: "a", flags: SYN, seq: -1, port: uint16(1000 + i)})
		if i%10 == 0 {
			list = append(list, pk{ms: 10 + float64(i), from: "a", flags: ACK, seq: int64(i), data: "0123456789"})
		}
	}
	conns, _ := assemble(t, build(list), Options{MaxConns: 100})
	if len(conns) != 5002 {
		t.Errorf("%d connections", len(conns))
	}
	reaches(t, build(list), Options{MaxConns: 100}, "open connections", 5002-100)
	for _, c := range conns {
		if c.Conn.ID == 2 && c.End != EndCapture {
			t.Errorf("the silent connection ended with %d", c.End)
		}
		if c.Conn.ID == 1 && (c.End != EndCapture || len(c.Bytes[A]) != 5000) {
			t.Errorf("the active connection ended with %d after %d bytes", c.End, len(c.Bytes[A]))
		}
	}
}

// A flood of closed connections leaves a bounded number behind, also where time does not advance.
func TestEndedAreForgotten(t *testing.T) {
	a := New(Options{})
	packets := func(yield func(capture.Packet, error) bool) {
		for i := range 3 * maxEnded {
			for _, p := range build([]pk{
				{from: "a", flags: SYN, seq: -1, port: uint16(1 + i)},
				{from: "b", flags: RST | ACK, seq: -1, ack: 0, port: uint16(1 + i)},
			}) {
				p.Time = p.Time.Add(time.Duration(i) * 10 * time.Millisecond)
				if !yield(p, nil) {
					return
				}
			}
		}
	}
	ends := 0
	for seg := range a.Segments(packets) {
		if seg.End == EndRST {
			ends++
		}
	}
	if ends != 3*maxEnded || len(a.flows.slab)*slabSize > maxEnded+2*slabSize || cap(a.ended.list) > 8*maxEnded {
		t.Errorf("%d ends, %d flows, %d in the queue of those ended", ends, len(a.flows.slab)*slabSize, cap(a.ended.list))
	}
}

// Holes on every connection stay within the bounds, and reaching one is counted.
func TestHoleBounds(t *testing.T) {
	data := string(make([]byte, 1000))
	list := hello()
	for i := range 9000 {
		list = append(list, pk{ms: 3, from: "a", flags: ACK, seq: 1000 + int64(i)*2000, data: data})
	}
	for _, c := range []struct {
		o    Options
		name string
	}{
		{Options{MaxHolePackets: 100}, "packets behind holes of one connection"},
		{Options{MaxHoleBytes: 50000}, "bytes behind holes of one direction"},
		{Options{MaxBuffered: 100000}, "bytes behind holes"},
		{Options{}, "packets behind holes of one connection"},
	} {
		conns, st := assemble(t, build(list), c.o)
		o := c.o.withDefaults()
		limit := min(o.MaxBuffered, o.MaxHolePackets*1400, 2*o.MaxHoleBytes) + 4096
		if st.PeakBuffered > limit || len(conns[0].Bytes[A]) != 9000*2000 {
			t.Errorf("%+v: peak %d of %d, %d bytes", o, st.PeakBuffered, limit, len(conns[0].Bytes[A]))
		}
		reaches(t, build(list), c.o, c.name, 0)
	}
}

// A segment larger than an IP packet, as the NIC's offloading makes it, and the snapshot length.
func TestSuperSegment(t *testing.T) {
	ip := ipv4Bytes(addrA, addrB, protoTCP, 1, tcpBytes(40000, 6379, 1, 1, ACK, nil, make([]byte, 150000)))
	ip[2], ip[3] = 0, 0
	for _, snap := range []int{len(ip), 1000, 40} {
		p := []capture.Packet{{Link: capture.LinkRaw, Length: len(ip), Data: ip[:snap]}}
		conns, st := assemble(t, p, Options{})
		seg := conns[0].Segs[0]
		if seg.Length != 150000 || conns[0].Conn.Sides[A].Cut != int64(len(ip)-snap) || st.CutBytes != int64(len(ip)-snap) {
			t.Errorf("snap %d: length %d, %+v", snap, seg.Length, st)
		}
		if (snap < len(ip)) != (st.Truncated == 1 && st.SnapLen == snap) {
			t.Errorf("snap %d: %d truncated at %d", snap, st.Truncated, st.SnapLen)
		}
	}
}

// Places are 64 bits wide: both streams pass 4 GiB, in super-segments whose snapshot length is short.
func TestLongStreams(t *testing.T) {
	const size = 1 << 28
	list := hello()
	for i := range int64(40) {
		list = append(list,
			pk{ms: 10 * float64(i), from: "a", flags: ACK, seq: i * size, ack: i * size},
			pk{ms: 10*float64(i) + 1, from: "b", flags: ACK, seq: i * size, ack: (i + 1) * size})
	}
	packets := build(list)
	for i := range packets[3:] {
		p := &packets[3+i]
		p.Data[2], p.Data[3] = 0, 0
		p.Length += size
	}
	var place [2]int64
	for seg := range Segments(from(packets), nil) {
		if seg.Frame <= 3 || seg.End != NotEnded {
			continue
		}
		if seg.Offset != place[seg.From] || seg.Ack != place[seg.From.Other()] || seg.Length != size {
			t.Fatalf("%+v at %v", seg, place)
		}
		place[seg.From] += size
	}
	if want := int64(40 * size); place[A] != want || place[B] != want {
		t.Errorf("%v, want %d", place, want)
	}
}

// Where one side was never captured, the segments of the other are handed out at once, its acknowledgements
// notwithstanding.
func TestOneSideAtOnce(t *testing.T) {
	var list []pk
	for i := range int64(400) {
		list = append(list, pk{ms: float64(i), from: "a", flags: ACK, seq: i, ack: 5 * i, data: "x"})
	}
	fed := int64(0)
	packets := func(yield func(capture.Packet, error) bool) {
		for _, p := range build(list) {
			fed = p.Frame
			if !yield(p, nil) {
				return
			}
		}
	}
	for seg := range Segments(packets, nil) {
		if seg.Frame > 200 && seg.End == NotEnded && seg.Frame != fed {
			t.Fatalf("frame %d was handed out after frame %d", seg.Frame, fed)
		}
	}
}

// A connection whose handshake stands behind its data in the file is held only until both SYNs are there.
func TestFormedBySYNs(t *testing.T) {
	list := []pk{
		{ms: 2, from: "a", flags: ACK, data: "PING"},
		{ms: 0, from: "a", flags: SYN, seq: -1},
		{ms: 1, from: "b", flags: SYN | ACK, seq: -1},
		{ms: 3, from: "b", flags: ACK, ack: 4, data: "+PONG"},
	}
	fed := int64(0)
	packets := func(yield func(capture.Packet, error) bool) {
		for _, p := range build(list) {
			fed = p.Frame
			if !yield(p, nil) {
				return
			}
		}
	}
	for seg := range Segments(packets, nil) {
		if seg.End == NotEnded && (fed < 3 || seg.Frame < 4 && fed > 3 || seg.Conn.Start != Handshake) {
			t.Errorf("frame %d was handed out after frame %d", seg.Frame, fed)
		}
	}
}

// The heap of timers hands out flows as sorting does, through moves and removals.
func TestTimers(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	flows := make([]flow, 200)
	for i := range flows {
		flows[i].slot, flows[i].conn.ID = -1, int64(i)
	}
	var heap timers
	for range 5000 {
		f := &flows[r.IntN(len(flows))]
		if r.IntN(4) == 0 {
			heap.clear(f)
		} else {
			heap.set(f, int64(r.IntN(1000)))
		}
		for i, at := range heap {
			if int(at.flow.slot) != i || i > 0 && at.before(heap[(i-1)/heapWidth]) {
				t.Fatalf("place %d of %d is out of order", i, len(heap))
			}
		}
	}
}

// The table agrees with a map through growth and removal.
func TestTable(t *testing.T) {
	flows := &slabs{}
	table := table{flows: flows}
	table.grow()
	r := rand.New(rand.NewPCG(1, 1))
	type key struct{ src, dst netip.AddrPort }
	have := map[key]*flow{}
	for i := range 20000 {
		there, back := &packet{}, &packet{}
		at, home := &addresses{}, &addresses{}
		k := key{dst: netip.AddrPortFrom(addrB, 1)}
		if n := r.IntN(3000); n%2 == 0 {
			k.src = netip.AddrPortFrom(addrA, uint16(n))
			there.src, there.dst = endpoint4(1, uint16(n)), endpoint4(2, 1)
		} else { // many share a hash
			at.set6(netip.AddrFrom16([16]byte{0xfd, 1: byte(n), 2: byte(n >> 8)}), netip.MustParseAddr("2001:db8::1"))
			there.src, there.dst = hashed|endpoint(n%100), hashed|1
			k.src, k.dst = at.of(there)
		}
		back.src, back.dst = there.dst, there.src
		home.v6, home.src6, home.dst6 = at.v6, at.dst6, at.src6
		f, side := table.find(there, at)
		same, other := table.find(back, home)
		if f != have[k] || same != f || f != nil && (side != A || other != B) {
			t.Fatalf("step %d: found %v, want %v", i, f, have[k])
		}
		if f == nil {
			f = flows.take()
			f.pair, f.flip, f.conn.Ends = there.pair(), there.larger(), [2]netip.AddrPort{k.src, k.dst}
			table.insert(f)
			have[k] = f
		} else {
			table.remove(f)
			flows.give(f)
			delete(have, k)
		}
	}
	if table.used != len(have) || flows.used != len(have) {
		t.Errorf("%d and %d used, want %d", table.used, flows.used, len(have))
	}
}

// A hole on a connection that falls silent is closed by the time that passes on others.
func TestOthersMoveTheClock(t *testing.T) {
	list := hello(
		pk{ms: 3, from: "a", flags: ACK, seq: 3, data: "two"},
		pk{ms: 4, from: "b", flags: ACK, seq: 0, ack: 6, data: "+OK"},
		pk{ms: 60, from: "a", flags: SYN, seq: -1, port: 7},
		pk{ms: 70, from: "a", flags: SYN, seq: -1, port: 8},
	)
	want := lines(helloLines + `a4 3+3 ack 0 missing 3 two
		b5 0+3 ack 6 +OK
		#2 a6 0+0 syn
		#3 a7 0+0 syn
		CAPTURE
		#2 CAPTURE
		#3 CAPTURE`)
	if got := show(build(list), Options{}); got != want {
		t.Errorf("got %s", got)
	}
	tick := append(build(list[:5]), capture.Packet{Time: capture.Time(1e18 + 2e8)})
	n := 0
	for seg := range Segments(from(tick), nil) {
		if n++; n == 4 && (seg.Missing != 3 || seg.End != NotEnded) {
			t.Errorf("%+v", seg)
		}
	}
}

func TestClockSteps(t *testing.T) {
	list := hello(
		pk{ms: 7.2e6, from: "a", flags: ACK, seq: 0, data: "one"}, // two hours later: no time passes
		pk{ms: 3, from: "a", flags: ACK, seq: 6, data: "three"},   // and back
		pk{ms: 4, from: "b", flags: ACK, seq: 0, ack: 11, data: "+OK"},
		pk{ms: 200, from: "b", flags: ACK, seq: 3, ack: 11, data: "+OK"},
		pk{ms: 100, from: "a", flags: ACK, seq: 11, ack: 0, data: "four"},
	)
	conns, st := assemble(t, build(list), Options{})
	if st.ClockSteps != 2 || st.Backwards != 1 || st.LostBytes != 3 || len(conns[0].Bytes[A]) != 15 {
		t.Errorf("%+v", st)
	}
}

func TestPorts(t *testing.T) {
	list := hello(pk{ms: 3, from: "a", flags: SYN, seq: -1, port: 4711})
	for _, c := range []struct {
		ports []uint16
		conns int
	}{{nil, 2}, {[]uint16{6379}, 2}, {[]uint16{4711}, 1}, {[]uint16{1}, 0}} {
		if conns, _ := assemble(t, build(list), Options{Ports: c.ports}); len(conns) != c.conns {
			t.Errorf("ports %v: %d connections", c.ports, len(conns))
		}
	}
}

// A failed read is handed on, and what was seen until then still ends.
func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	packets := func(yield func(capture.Packet, error) bool) {
		for _, p := range build(hello()) {
			if !yield(p, nil) {
				return
			}
		}
		yield(capture.Packet{}, broken)
	}
	var failed, ended bool
	for seg, err := range Segments(packets, nil) {
		if err != nil {
			failed = errors.Is(err, broken) && seg == nil
		} else if seg.End == EndCapture {
			ended = failed
		}
	}
	if !failed || !ended {
		t.Errorf("failed %v, ended %v", failed, ended)
	}
}

// The consumer may stop anywhere.
func TestStop(t *testing.T) {
	packets := build(hello(
		pk{ms: 3, from: "a", flags: ACK, seq: 3, data: "two"},
		pk{ms: 4, from: "b", flags: ACK, seq: 0, ack: 6, data: "+OK"},
		pk{ms: 5, from: "a", flags: SYN, seq: 500},
		pk{ms: 6, from: "b", flags: RST | ACK, seq: 0, ack: 501},
	))
	for stop := range 10 {
		n := 0
		for range Segments(from(packets), nil) {
			if n++; n > stop {
				break
			}
		}
	}
}

func TestWindowScale(t *testing.T) {
	scale := func(n byte) []byte { return []byte{1, 3, 3, n, 2, 4, 5, 0xb4, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0} }
	var packets []capture.Packet
	for i, ip := range [][]byte{
		ipv4Bytes(addrA, addrB, protoTCP, 1, tcpBytes(40000, 6379, 99, 0, SYN, scale(7), nil)),
		ipv4Bytes(addrB, addrA, protoTCP, 2, tcpBytes(6379, 40000, 199, 100, SYN|ACK, scale(3), nil)),
		ipv4Bytes(addrA, addrB, protoTCP, 3, tcpBytes(40000, 6379, 100, 200, ACK, nil, nil)),
	} {
		packets = append(packets, capture.Packet{Time: capture.Time(i), Link: capture.LinkRaw, Length: len(ip), Data: ip})
	}
	want := []uint32{500, 500, 500 << 7}
	for seg := range Segments(from(packets), nil) {
		if seg.End != NotEnded {
			break
		}
		if seg.Window != want[0] || (seg.Flags&SYN != 0) != seg.HasTS || seg.HasTS && (seg.TSVal != 1 || seg.TSEcr != 2) {
			t.Errorf("%+v", seg)
		}
		want = want[1:]
	}
}

// Captures with hundreds of thousands of connections must fit in memory.
func TestConnectionSize(t *testing.T) {
	if size := unsafe.Sizeof(flow{}) + 2*unsafe.Sizeof(entry{}); size > 392 {
		t.Errorf("a connection takes %d bytes", size)
	}
	if size := unsafe.Sizeof(waiting{}); size > waitingSize {
		t.Errorf("a waiting segment takes %d bytes, accounted %d", size, waitingSize)
	}
}

// reaches checks that packets reach one limit and no other, so often; 0: often enough.
func reaches(t *testing.T, packets []capture.Packet, o Options, name string, hits int64) {
	t.Helper()
	a := New(o)
	for range a.Segments(from(packets)) {
	}
	all := a.Bounds().Reached()
	if len(all) != 1 || all[0].Name != name || hits > 0 && all[0].Hits != hits || all[0].Hides == "" || all[0].Loses != bound.Evidence {
		t.Errorf("reached %+v, want %q %d times", all, name, hits)
	}
}

// Fragments that never become whole: the oldest gives way, and that is counted under the limit that was reached.
func TestFragmentBounds(t *testing.T) {
	one := func(id uint16, at int, more bool, size int) capture.Packet {
		b := ipv4Bytes(addrA, addrB, protoTCP, id, make([]byte, size))
		field := uint16(at / 8)
		if more {
			field |= 0x2000
		}
		b[6], b[7] = byte(field>>8), byte(field)
		return capture.Packet{Link: capture.LinkRaw, Data: b, Length: len(b), Time: 1e18}
	}
	for _, c := range []struct {
		name string
		hits int64
		make func() (packets []capture.Packet)
	}{
		{"incomplete fragmented packets", 44, func() (packets []capture.Packet) {
			for id := range uint16(maxFragmented + 44) {
				packets = append(packets, one(id, 0, true, 64))
			}
			return packets
		}},
		{"fragments of one packet", 1, func() (packets []capture.Packet) {
			for i := range maxFragments + 9 { // the first one beyond gives the packet up
				packets = append(packets, one(1, 8*i, true, 8))
			}
			return packets
		}},
		{"bytes of incomplete fragmented packets", 0, func() (packets []capture.Packet) {
			for id := range uint16(100) {
				packets = append(packets, one(id, 8*6000, true, 8000), one(id, 0, true, 8000))
			}
			return packets
		}},
	} {
		t.Run(c.name, func(t *testing.T) { reaches(t, c.make(), Options{}, c.name, c.hits) })
	}
}
