package reassembly

// output hands segments to the consumer.
type output struct {
	stats   Stats
	segment Segment // the one being handed out
	yield   func(*Segment, error) bool
	stopped bool // the consumer wants no more
}

// emit hands o.segment to the consumer.
func (o *output) emit() {
	if o.stopped {
		return
	}
	if o.segment.End == NotEnded {
		o.stats.Segments++
	}
	o.stopped = !o.yield(&o.segment, nil)
}
