package tlsrecord

import "github.com/respsniff/respsniff/reassembly"

// output hands on what the records of one packet hold. One segment is always kept back: the last one has the flags of the packet.
type output struct {
	yield   func(*reassembly.Segment, error) bool
	stopped bool
	packet  *reassembly.Segment
	from    *direction
	ack     int64
	kept    reassembly.Segment
	keeps   bool
	later   bool // a segment of the packet was handed on
	out     reassembly.Segment
	plain   []byte // the content of the records of one packet
}

// begin takes the next packet of a direction.
func (o *output) begin(seg *reassembly.Segment, d, other *direction) {
	o.packet, o.from, o.keeps, o.later, o.stopped = seg, d, false, false, false
	o.plain = o.plain[:0]
	if o.ack = seg.Ack; seg.Ack != reassembly.NoAck && other.begun && !other.closed {
		o.ack = min(seg.Ack, other.done)
	}
}

// fill makes a segment of the packet that ends in end and has n bytes of content. Before it, lost places were lost; all other
// places since what was handed on are framing.
func (o *output) fill(end int64, n int) *reassembly.Segment {
	d, s := o.from, &o.kept
	*s = *o.packet
	s.Payload, s.Length, s.Ack = nil, n, o.ack
	s.Offset = end - int64(n)
	s.Missing = d.gap
	s.Framing = s.Offset - d.told - d.gap
	s.Plain = s.Plain && s.Framing == 0 && s.Missing == 0
	if o.later {
		s.Repeated, s.Conflict = 0, false
	}
	d.told, d.gap = end, 0
	return s
}

// content hands on what a record with its end there holds.
func (o *output) content(end int64, p []byte, length int) *reassembly.Segment {
	o.flush()
	s := o.fill(end, length)
	s.Payload = p
	o.keeps = true
	return s
}

// flush hands on the segment that is kept back, which is not the last one of its packet.
func (o *output) flush() {
	if !o.keeps {
		return
	}
	o.keeps = false
	o.out = o.kept
	o.out.Flags &^= reassembly.FIN | reassembly.RST
	o.later = true
	o.stopped = o.stopped || !o.yield(&o.out, nil)
}

// finish hands on the last segment of the packet.
func (o *output) finish() bool {
	d := o.from
	if o.keeps && d.told < d.done { // records without content behind the last one with content
		o.flush()
	}
	if !o.keeps {
		o.fill(d.done, 0)
	}
	o.keeps = false
	o.out = o.kept
	if !o.stopped && !o.yield(&o.out, nil) {
		o.stopped = true
	}
	return !o.stopped
}
