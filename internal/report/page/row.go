package page

import (
	"encoding/binary"
	"encoding/json"
	"strconv"

	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/resp"
)

// row is one command of a connection as the page shows it. Times are nanoseconds since the recorder's base. All its texts
// are printable, and what is secret or hidden is not among them.
type row struct {
	index       int
	start, end  int64 // first and last byte of the command
	frame       int64
	file        int32
	command     string
	key         string
	hasKey      bool
	marks       rowMarks
	outstanding int
	from, to    int64 // place in the client's stream: [from, to)
	ack         int64 // how much of the server's stream the client had acknowledged when it wrote; -1: not known
	acked       int64 // when the server's kernel acknowledged the command, where ackedFrame is not 0
	ackedFrame  int64
	reply       rowReply // frame 0: none was seen
	belief      pairing.Belief
	wait        rowWait // frame 0: its caller was not seen to give up
	exec        pairing.ExecView
}

// rowReply is the reply that the server meant for a command.
type rowReply struct {
	first, last int64 // times of its first and its last byte
	frame       int64
	file        int32
	from, to    int64 // place in the server's stream
	ack         int64 // how much of the client's stream the server's kernel had acknowledged
	kind        resp.Kind
	text        string // of an error; any value with --show-values
}

// rowWait is how a caller was seen to give up.
type rowWait struct {
	time  int64
	frame int64
	how   desync.GaveUp
}

// rowMarks are the facts about a command that the page names.
type rowMarks uint16

// The order of these is that of FACTS in ladder.js.
const (
	noReplyDue rowMarks = 1 << iota
	blocks
	queued
	handshake
	notAwaited
	uncertain
	subscribes
)

func marksOf(f pairing.ExchangeFlags) (m rowMarks) {
	for _, x := range [...]struct {
		flags pairing.ExchangeFlags
		mark  rowMarks
	}{
		{pairing.NoReplyDue, noReplyDue}, {pairing.Blocks, blocks}, {pairing.Queued, queued}, {pairing.InHandshake, handshake},
		{pairing.NotAwaited, notAwaited}, {pairing.Uncertain | pairing.AfterHole, uncertain}, {pairing.Subscribing | pairing.Pushed, subscribes},
	} {
		if f&x.flags != 0 {
			m |= x.mark
		}
	}
	return m
}

// misread reports whether the caller got another command's reply.
func (r *row) misread() bool {
	b := &r.belief
	return b.Outcome == pairing.Before || b.Outcome == pairing.Extra || b.Index != 0 && b.Index != r.index
}

// waited is how long its reply took, in nanoseconds; 0: none was seen, or the command is one that waits by itself.
func (r *row) waited() int64 {
	if r.reply.frame == 0 || r.marks&blocks != 0 {
		return 0
	}
	return r.reply.first - r.end
}

// troubled reports whether something happened to the caller that the page must be able to show.
func (r *row) troubled() bool { return r.misread() || r.wait.frame != 0 }

// A row is stored as varints, each number as its distance from one close by.

func (r *row) append(b []byte) []byte {
	put := func(numbers ...int64) {
		for _, n := range numbers {
			b = binary.AppendVarint(b, n)
		}
	}
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	put(int64(r.index), r.start, r.end-r.start, r.frame, int64(r.file), int64(r.marks), int64(r.outstanding), r.from, r.to-r.from, r.ack)
	text(r.command)
	if r.hasKey {
		put(1)
		text(r.key)
	} else {
		put(0)
	}
	put(r.ackedFrame)
	if r.ackedFrame != 0 {
		put(r.acked - r.end)
	}
	p := &r.reply
	put(p.frame)
	if p.frame != 0 {
		put(p.first-r.end, p.last-p.first, int64(p.file), p.from, p.to-p.from, p.ack-r.to, int64(p.kind))
		text(p.text)
	}
	put(int64(r.belief.Index), int64(r.belief.Confidence)<<4|int64(r.belief.Outcome), r.wait.frame)
	if r.wait.frame != 0 {
		put(r.wait.time-r.end, int64(r.wait.how))
	}
	put(int64(r.exec.Element))
	if r.exec.Element != 0 {
		put(int64(r.exec.Kind), r.exec.N)
	}
	return b
}

// rowDecoder reads rows back from what append made.
type rowDecoder struct{ b []byte }

func (d *rowDecoder) number() int64 {
	n, k := binary.Varint(d.b)
	d.b = d.b[max(k, 0):]
	return n
}

func (d *rowDecoder) text() string { return string(d.bytes()) }

func (d *rowDecoder) skip(numbers int) {
	for range numbers {
		_, k := binary.Varint(d.b)
		d.b = d.b[max(k, 0):]
	}
}

func (d *rowDecoder) bytes() []byte {
	n, k := binary.Uvarint(d.b)
	b := d.b[k : k+int(n)]
	d.b = d.b[k+int(n):]
	return b
}

// name steps over a row and returns its command and its key, borrowed from what is decoded.
func (d *rowDecoder) name() (command, key []byte) {
	d.skip(10)
	command = d.bytes()
	if d.number() != 0 {
		key = d.bytes()
	}
	if d.number() != 0 { // frame of the ACK
		d.skip(1)
	}
	if d.number() != 0 { // frame of the reply
		d.skip(7)
		d.bytes()
	}
	d.skip(2)
	if d.number() != 0 { // frame of what its caller did then
		d.skip(2)
	}
	if d.number() != 0 { // element of EXEC
		d.skip(2)
	}
	return command, key
}

func (d *rowDecoder) row() (r row) {
	r.index, r.start = int(d.number()), d.number()
	r.end = r.start + d.number()
	r.frame, r.file, r.marks, r.outstanding, r.from = d.number(), int32(d.number()), rowMarks(d.number()), int(d.number()), d.number()
	r.to = r.from + d.number()
	r.ack = d.number()
	r.command = d.text()
	if r.hasKey = d.number() != 0; r.hasKey {
		r.key = d.text()
	}
	if r.ackedFrame = d.number(); r.ackedFrame != 0 {
		r.acked = r.end + d.number()
	}
	p := &r.reply
	if p.frame = d.number(); p.frame != 0 {
		p.first = r.end + d.number()
		p.last = p.first + d.number()
		p.file = int32(d.number())
		p.from = d.number()
		p.to = p.from + d.number()
		p.ack = r.to + d.number()
		p.kind = resp.Kind(d.number())
		p.text = d.text()
	}
	r.belief.Index = int(d.number())
	b := d.number()
	r.belief.Confidence, r.belief.Outcome = pairing.Confidence(b>>4), pairing.Outcome(b&15)
	if r.wait.frame = d.number(); r.wait.frame != 0 {
		r.wait.time, r.wait.how = r.end+d.number(), desync.GaveUp(d.number())
	}
	if r.exec.Element = int(d.number()); r.exec.Element != 0 {
		r.exec.Kind, r.exec.N = resp.Kind(d.number()), d.number()
	}
	return r
}

// MarshalJSON writes the row as a list, whose order data.js knows:
//
//	[index, start, end, frame, file, marks, outstanding, from, to, ack, command, key, acked, ackedFrame,
//	 [first, last, frame, file, from, to, ack, kind, text], [index, confidence, outcome], [time, frame, how], [element, kind] of EXEC]
//
// with 0 for a list of which there is nothing to say, and null for no key.
func (r *row) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 160)
	numbers := func(all ...int64) {
		for _, n := range all {
			b = append(strconv.AppendInt(b, n, 10), ',')
		}
	}
	text := func(s string) {
		quoted, _ := json.Marshal(s) // of a string it cannot fail
		b = append(append(b, quoted...), ',')
	}
	closed := func() { b[len(b)-1] = ']' }
	b = append(b, '[')
	numbers(int64(r.index), r.start, r.end, r.frame, int64(r.file), int64(r.marks), int64(r.outstanding), r.from, r.to, r.ack)
	text(r.command)
	if r.hasKey {
		text(r.key)
	} else {
		b = append(b, "null,"...)
	}
	numbers(r.acked, r.ackedFrame)
	if p := &r.reply; p.frame != 0 {
		b = append(b, '[')
		numbers(p.first, p.last, p.frame, int64(p.file), p.from, p.to, p.ack)
		text(p.kind.String())
		text(p.text)
		closed()
		b = append(b, ',')
	} else {
		numbers(0)
	}
	b = append(b, '[')
	numbers(int64(r.belief.Index), int64(r.belief.Confidence), int64(r.belief.Outcome))
	closed()
	b = append(b, ',')
	if w := &r.wait; w.frame != 0 {
		b = append(b, '[')
		numbers(w.time, w.frame, int64(w.how))
		closed()
		b = append(b, ',')
	} else {
		numbers(0)
	}
	if x := &r.exec; x.Element != 0 {
		b = append(b, '[')
		numbers(int64(x.Element))
		text(x.Kind.String())
		closed()
		b = append(b, ',')
	} else {
		numbers(0)
	}
	closed()
	return b, nil
}
