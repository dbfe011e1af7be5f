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

func (x timer) before(y timer) bool {
	if x.due != y.due {
		return x.due < y.due
	}
	return x.flow.conn.ID < y.flow.conn.ID
}

// put gives a timer its place in the heap.
func (t timers) put(i int, x timer) {
	t[i] = x
	x.flow.slot = int32(i)
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
	moved := (*t)[last]
	(*t)[last] = timer{}
	*t = (*t)[:last]
	f.slot = -1
	if i < last {
		t.put(i, moved)
		t.up(i)
		t.down(int(moved.flow.slot))
	}
}

// heapWidth is how many children a place has: those of one lie side by side, and a timer that sinks moves few flows.
const heapWidth = 4

func (t timers) up(i int) {
	x := t[i]
	for i > 0 {
		parent := (i - 1) / heapWidth
		if !x.before(t[parent]) {
			break
		}
		t.put(i, t[parent])
		i = parent
	}
	t.put(i, x)
}

func (t timers) down(i int) {
	x := t[i]
	for {
		first := heapWidth*i + 1
		if first >= len(t) {
			break
		}
		child := first
		for k := first + 1; k < min(first+heapWidth, len(t)); k++ {
			if t[k].before(t[child]) {
				child = k
			}
		}
		if !t[child].before(x) {
			break
		}
		t.put(i, t[child])
		i = child
	}
	t.put(i, x)
}
