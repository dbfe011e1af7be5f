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
}

const minTable = 256

// find returns the flow between two ends and the side that src is, or nil.
func (t *table) find(hash uint32, src, dst netip.AddrPort) (*flow, Side) {
	mask := uint32(len(t.entries) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := t.entries[i]
		if e.index == 0 {
			return nil, A
		}
		if e.hash != hash {
			continue
		}
		f := t.flows.at(e.index - 1)
		switch ends := &f.conn.Ends; {
		case ends[A] == src && ends[B] == dst:
			return f, A
		case ends[A] == dst && ends[B] == src:
			return f, B
		}
	}
}

func (t *table) insert(f *flow) {
	if (t.used+1)*4 > len(t.entries)*3 {
		t.grow()
	}
	t.place(entry{f.hash, f.index + 1})
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
	i := f.hash & mask
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
