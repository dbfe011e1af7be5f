package reassembly

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// talk is a conversation made by chance, and what the sender of each byte had acknowledged when it first sent it.
type talk struct {
	packets []pk
	bytes   [2][]byte
	acks    [2][]int64
}

// chatter makes a conversation without loss: bytes are never zero, acknowledgements never ahead of their bytes.
func chatter(r *rand.Rand, handshake bool) *talk {
	k := &talk{}
	ms := 0.0
	names := [2]string{"a", "b"}
	if handshake {
		k.packets = hello()
		ms = 3
	}
	for range 20 + r.IntN(60) {
		ms += r.ExpFloat64() * 4
		s := r.IntN(2)
		n := 0
		if r.IntN(4) > 0 {
			n = 1 + r.IntN(40)
		}
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(1 + r.IntN(255))
		}
		ack := int64(len(k.bytes[1-s]))
		p := pk{ms: ms, from: names[s], flags: ACK, seq: int64(len(k.bytes[s])), ack: ack, data: string(data)}
		k.packets = append(k.packets, p)
		k.bytes[s] = append(k.bytes[s], data...)
		for range data {
			k.acks[s] = append(k.acks[s], ack)
		}
	}
	a, b := int64(len(k.bytes[0])), int64(len(k.bytes[1]))
	k.packets = append(k.packets, pk{ms: ms + 1, from: "a", flags: ACK | FIN, seq: a, ack: b},
		pk{ms: ms + 2, from: "b", flags: ACK | FIN, seq: b, ack: a + 1},
		pk{ms: ms + 3, from: "a", flags: ACK, seq: a + 1, ack: b + 1})
	for i := range k.packets {
		k.packets[i].id = uint16(1000 + i)
	}
	return k
}

// again sends ranges of bytes once more, cut anew, with newer acknowledgements, after the peer's.
func (k *talk) again(r *rand.Rand) {
	for range r.IntN(10) {
		i := len(k.packets)/2 + r.IntN(len(k.packets)/2)
		p := k.packets[i]
		if p.flags&(SYN|FIN) != 0 || p.seq > int64(len(k.bytes[p.from[0]-'a'])) {
			continue
		}
		if from := max(0, p.seq-int64(r.IntN(100))); from < p.seq {
			s := int(p.from[0] - 'a')
			p.data = string(k.bytes[s][from:p.seq])
			p.seq = from
			p.ms += 0.01
			p.id = uint16(5000 + r.IntN(60000))
			k.packets = slices.Insert(k.packets, i+1, p)
		}
	}
}

// disorder moves packets in the file by less than the window, and with stamp gives them the time of their new place.
func (k *talk) disorder(r *rand.Rand, ms float64, stamp bool) {
	place := make([]float64, len(k.packets))
	order := make([]int, len(k.packets))
	for i := range place {
		place[i], order[i] = k.packets[i].ms+r.Float64()*ms, i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if place[i] < place[j] {
			return -1
		}
		return 1
	})
	moved := make([]pk, len(order))
	for to, i := range order {
		moved[to] = k.packets[i]
		if stamp {
			moved[to].ms = place[i]
		}
	}
	k.packets = moved
}

func (k *talk) copies(r *rand.Rand) {
	for i := len(k.packets) - 1; i >= 0; i-- {
		if r.IntN(10) == 0 {
			p := k.packets[i]
			p.ms += r.Float64()
			k.packets = slices.Insert(k.packets, i+1, p)
		}
	}
}

func TestDamageWithoutLoss(t *testing.T) {
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		handshake := seed%3 > 0
		k := chatter(r, handshake)
		if seed%2 == 0 {
			k.again(r)
		}
		if seed%5 > 0 {
			k.disorder(r, 45, seed%4 < 2)
		}
		if seed%7 < 3 {
			k.copies(r)
		}
		name := fmt.Sprintf("seed %d", seed)
		conns, st := assemble(t, build(k.packets, r.Uint32(), r.Uint32()), Options{})
		if len(conns) != 1 {
			t.Fatalf("%s: %d connections", name, len(conns))
		}
		c := conns[0]
		if c.End != EndFIN || st.LostBytes != 0 || handshake != (c.Conn.Start == Handshake) {
			t.Errorf("%s: end %d, start %d, lost %d", name, c.End, c.Conn.Start, st.LostBytes)
		}
		a := A // the side that the generator calls a
		if c.Conn.Ends[A].Port() == 6379 {
			a = B
		}
		for s := range k.bytes {
			if got := c.Bytes[Side(s)^a]; !bytes.Equal(got, k.bytes[s]) {
				t.Errorf("%s: side %d: %d bytes, want %d", name, s, len(got), len(k.bytes[s]))
			}
		}
		if !handshake || (seed%2 == 0 && seed%5 > 0) { // disorder can put a retransmission before its original
			continue
		}
		for _, seg := range c.Segs {
			if seg.Length > 0 && !seg.Late && seg.Ack != k.acks[seg.From][seg.Offset] {
				t.Errorf("%s: frame %d acknowledges %d, first transmission %d", name, seg.Frame, seg.Ack,
					k.acks[seg.From][seg.Offset])
			}
		}
	}
}

func TestLoss(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 2))
		k := chatter(r, true)
		if seed%2 == 0 {
			k.again(r)
		}
		one := r.Float64() * 0.4
		kept := k.packets[:3:3]
		for _, p := range k.packets[3:] {
			if r.Float64() >= one {
				kept = append(kept, p)
			}
		}
		k.packets = kept
		if seed%3 == 0 {
			k.disorder(r, 45, true)
		}
		name := fmt.Sprintf("seed %d", seed)
		conns, _ := assemble(t, build(k.packets), Options{})
		if len(conns) != 1 {
			t.Fatalf("%s: %d connections", name, len(conns))
		}
		for s, want := range k.bytes {
			got := conns[0].Bytes[s]
			zeros := int64(0)
			for i, b := range got {
				switch {
				case b == 0:
					zeros++
				case i >= len(want) || b != want[i]:
					t.Fatalf("%s: side %d: byte %d is wrong", name, s, i)
				}
			}
			if lost := conns[0].Lost[s]; zeros != lost {
				t.Errorf("%s: side %d: %d bytes empty, %d lost", name, s, zeros, lost)
			}
		}
	}
}

// Every single packet missing, and every start in the middle: what is handed out stays true.
func TestOneMissing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	k := chatter(r, true)
	for drop := 3; drop < len(k.packets); drop++ {
		list := slices.Delete(slices.Clone(k.packets), drop, drop+1)
		conns, st := assemble(t, build(list), Options{})
		if len(conns) != 1 {
			t.Fatalf("without %d: %d connections", drop, len(conns))
		}
		if lost, want := st.LostBytes, int64(len(k.packets[drop].data)); lost != want &&
			(k.packets[drop].flags&FIN == 0 || lost > 1) {
			t.Errorf("without %d: %d bytes lost, want %d", drop, lost, want)
		}
	}
	for start := range k.packets {
		conns, st := assemble(t, build(k.packets[start:]), Options{})
		if len(conns) != 1 || st.LostBytes != 0 {
			t.Fatalf("from %d: %d connections, %d lost", start, len(conns), st.LostBytes)
		}
		for _, got := range conns[0].Bytes {
			if !bytes.HasSuffix(k.bytes[0], got) && !bytes.HasSuffix(k.bytes[1], got) {
				t.Errorf("from %d: bytes differ", start)
			}
		}
	}
}

// A port used again and again, the packets of each connection out of order: none holds bytes of another, or a loss that
// lies in the numbers alone.
func TestPortUsedAgainInDisorder(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 5))
		k := &talk{}
		ms := 0.0
		for name := 'k'; name < 'o'; name++ {
			x, y := int64(r.Uint32()), int64(r.Uint32())
			add := func(from string, flags Flags, seq, ack int64, data string) {
				ms += r.Float64()
				k.packets = append(k.packets, pk{ms: ms, from: from, flags: flags, seq: seq, ack: ack, data: data,
					id: uint16(len(k.packets) + 1)})
			}
			data := string([]rune{name, name, name})
			add("a", SYN, x-1, 0, "")
			add("b", SYN|ACK, y-1, x, "")
			for range 1 + r.IntN(4) {
				add("a", ACK, x, y, data)
				x += 3
				add("b", ACK, y, x, data)
				y += 3
			}
			if seed%3 == 0 {
				add("a", ACK|RST, x, y, "")
			}
			ms += 60
		}
		k.disorder(r, 20, seed%2 == 0)
		last := map[int64]byte{}
		for seg := range Segments(from(build(k.packets)), nil) {
			if seg.Missing > 100 {
				t.Fatalf("seed %d: frame %d: %d bytes missing", seed, seg.Frame, seg.Missing)
			}
			for _, c := range seg.Payload {
				if was := last[seg.Conn.ID]; was != 0 && was != c {
					t.Fatalf("seed %d: frame %d: bytes of two connections", seed, seg.Frame)
				}
				last[seg.Conn.ID] = c
			}
		}
	}
}
