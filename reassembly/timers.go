package reassembly

// timers is a heap of the flows that wait for a moment, earliest first, ties by connection number. A flow knows its
// place, so that it stands in the heap at most once.
type timers []timer

// timer is when a flow is to be looked at. The moment stands beside the pointer, not in the flow, so that sifting mostly
// does not touch flows.
type timer struct {
	due  int64 // clock reading
	flow *flow
}

func (t timers) less(i, j int) bool {
	if t[i].due != t[j].due {
		return t[i].due < t[j].due
	}
	return t[i].flow.conn.ID < t[j].flow.conn.ID
}

func (t timers) swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].flow.slot, t[j].flow.slot = int32(i), int32(j)
}

// set puts f's timer to due.
func (t *timers) set(f *flow, due int64) {
	if f.slot < 0 {
		f.slot = int32(len(*t))
		*t = append(*t, timer{due, f})
		t.up(int(f.slot))
		return
	}
	at := &(*t)[f.slot]
	if at.due == due {
		return
	}
	at.due = due
	t.up(int(f.slot))
	t.down(int(f.slot))
}

// clear takes f's timer out.
func (t *timers) clear(f *flow) {
	i := int(f.slot)
	if i < 0 {
		return
	}
	last := len(*t) - 1
	t.swap(i, last)
	(*t)[last] = timer{}
	*t = (*t)[:last]
	f.slot = -1
	if i < last {
		t.up(i)
		t.down(i)
	}
}

func (t timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.less(i, parent) {
			return
		}
		t.swap(i, parent)
		i = parent
	}
}

func (t timers) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(t) {
			return
		}
		if child+1 < len(t) && t.less(child+1, child) {
			child++
		}
		if !t.less(child, i) {
			return
		}
		t.swap(i, child)
		i = child
	}
}
