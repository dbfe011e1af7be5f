package reassembly

import "net/netip"

// entry is a record of the table: 8 bytes without pointers, so that a probe sequence lies in one cache line.
type entry struct {
	hash  uint32
	index uint32 // of the flow, plus 1; 0: empty
}

// table finds flows by their two ends with open addressing and linear probing. It grows at three quarters full.
type table struct {
	entries []entry
	used    int
	flows   *slabs
	seed    uint64
}

// minTable leaves most places free on a capture of some hundred connections: with 100 in 256, each fourth search goes on to
// a second place, which no branch predictor foresees.
const minTable = 1024

// hash is the place of a connection, and what is compared before the flow is touched. One step alone would spread
// consecutive ports badly for some seeds.
func (t *table) hash(p pair) uint32 {
	return uint32(fold(uint64(p.small)^t.seed, uint64(p.large)^mixA) * mixB >> 32)
}

// find returns the flow between the ends of p and the side that sent it, or nil.
func (t *table) find(p *packet, ends *addresses) (*flow, Side) {
	if p.src&hashed != 0 {
		return t.find6(p, ends)
	}
	pair, flows := p.pair(), t.flows
	hash := t.hash(pair)
	for i := int(hash); ; i++ {
		e := t.entries[i&(len(t.entries)-1)]
		if e.hash != hash && e.index != 0 {
			continue
		}
		if e.index == 0 {
			return nil, A
		}
		if f := flows.at(e.index - 1); f.pair == pair {
			return f, f.flip ^ p.larger()
		}
	}
}

// find6 is find for IPv6, where equal endpoints prove nothing. It stands apart because a call in find's loop would make it
// save registers.
func (t *table) find6(p *packet, ends *addresses) (*flow, Side) {
	pair := p.pair()
	hash := t.hash(pair)
	src, dst := ends.of(p)
	for i := int(hash); ; i++ {
		e := t.entries[i&(len(t.entries)-1)]
		if e.index == 0 {
			return nil, A
		}
		if e.hash != hash {
			continue
		}
		switch f := t.flows.at(e.index - 1); f.conn.Ends {
		case [2]netip.AddrPort{src, dst}:
			return f, A
		case [2]netip.AddrPort{dst, src}:
			return f, B
		}
	}
}

func (t *table) insert(f *flow) {
	if (t.used+1)*4 > len(t.entries)*3 {
		t.grow()
	}
	t.place(entry{t.hash(f.pair), f.index + 1})
	t.used++
}

func (t *table) place(e entry) {
	mask := uint32(len(t.entries) - 1)
	i := e.hash & mask
	for t.entries[i].index != 0 {
		i = (i + 1) & mask
	}
	t.entries[i] = e
}

func (t *table) grow() {
	old := t.entries
	t.entries = make([]entry, max(minTable, 2*len(old)))
	for _, e := range old {
		if e.index != 0 {
			t.place(e)
		}
	}
}

// remove takes f out and moves back what probed past it (Knuth, TAOCP volume 3, section 6.4, algorithm R).
func (t *table) remove(f *flow) {
	mask := uint32(len(t.entries) - 1)
	i := t.hash(f.pair) & mask
	for t.entries[i].index != f.index+1 {
		if t.entries[i].index == 0 {
			return
		}
		i = (i + 1) & mask
	}
	t.used--
	for j := (i + 1) & mask; t.entries[j].index != 0; j = (j + 1) & mask {
		if home := t.entries[j].hash & mask; (j-home)&mask >= (j-i)&mask {
			t.entries[i] = t.entries[j]
			i = j
		}
	}
	t.entries[i] = entry{}
}
