package reassembly

// endedFlow is a flow whose End was handed out. The flow may have been used again: then its number differs.
type endedFlow struct {
	index uint32
	id    int64
}

// ended is a queue of such flows. They stay in the table, so that their late packets do not open another connection,
// until maxEnded others have ended or their place is needed.
type ended struct {
	list  []endedFlow
	first int // oldest in list
}

func (e *ended) full() bool { return len(e.list)-e.first >= maxEnded }

func (e *ended) push(f *flow) {
	if e.first > maxEnded {
		e.list = append(e.list[:0], e.list[e.first:]...)
		e.first = 0
	}
	e.list = append(e.list, endedFlow{f.index, f.conn.ID})
}

// oldest takes out the flow that ended first and has not been used again since; nil if there is none.
func (e *ended) oldest(flows *slabs) *flow {
	for e.first < len(e.list) {
		r := e.list[e.first]
		e.first++
		if f := flows.at(r.index); f.state == flowEnded && f.conn.ID == r.id {
			return f
		}
	}
	return nil
}
