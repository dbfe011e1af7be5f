package reassembly

import "github.com/respsniff/respsniff/capture"

// endedFlow is a flow whose End was handed out. The flow may have been used again: then its number differs.
type endedFlow struct {
	index uint32
	id    int64
	at    capture.Time // when its End was handed out
}

// ended is a queue of such flows. They stay in the table, so that their late packets do not open another connection,
// until maxEnded others have ended, their place is needed or what is still under way is no more.
type ended struct {
	list  []endedFlow
	first int // oldest in list
}

func (e *ended) full() bool { return len(e.list)-e.first >= maxEnded }

func (e *ended) push(f *flow, at capture.Time) {
	if e.first > 64 && e.first > len(e.list)/2 {
		e.list = append(e.list[:0], e.list[e.first:]...)
		e.first = 0
	}
	e.list = append(e.list, endedFlow{f.index, f.conn.ID, at})
}

// due reports whether the flow that ended first did so lateFor before now.
func (e *ended) due(now capture.Time) bool {
	return e.first < len(e.list) && now.Sub(e.list[e.first].at) >= lateFor
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
