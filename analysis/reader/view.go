package reader

import (
	"cmp"
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// view is what is inferred from of a connection, while it is made from its records, and where it ends.
type view struct {
	inference.View
	c     *Conn
	begin []int64   // place of it; 0: not known
	acked []float64 // not delivered later than that; +Inf: not known
	order []int32   // replies in the order of their places
	own   []int32   // by command: place of its own reply; -1: none is due, or none was sent
	held  int32     // first command of the last write, which is held back; 0: none is
	left  int32     // then: replies from here on are not of the steps
	usual float64   // time to a reply, s
}

var inf = math.Inf(1)

// newView makes the view of a connection; shortest is the shortest certain give-up of its population, or +Inf.
func newView(c *Conn, shortest float64) *view {
	return (&view{}).of(c, shortest)
}

// of makes v, whose memory is used again, the view of a connection.
func (v *view) of(c *Conn, shortest float64) *view {
	old := v.View
	*v = view{c: c, begin: v.begin[:0], acked: v.acked[:0], own: v.own[:0], order: v.order[:0], View: inference.View{
		Assumed: c.assumed, Base: c.base, Midstream: c.midstream, Start: c.start,
		Floor: c.who.floor(), Silence: c.who.remarkable(),
		At: old.At[:0], End: old.End[:0], Type: old.Type[:0], Quiet: old.Quiet[:0], Crowd: old.Crowd[:0], Command: old.Command[:0],
		Steps: old.Steps[:0], Vague: old.Vague[:0], Guessed: old.Guessed[:0]}}
	far := c.who.far
	v.Far = far > 0
	if len(c.writes) == 0 {
		return v
	}
	zero := c.writes[0].first
	sec := func(t capture.Time) float64 { return t.Sub(zero).Seconds() }
	v.replies(far, sec)
	v.write(sec, shortest)
	v.Together()
	v.holdBack()
	return v
}

// delayedAck is the longest that a receiver holds an ACK back (40 ms on Linux), with room: what is acknowledged later
// than a round trip and this was lost behind the tap and sent again.
const delayedAck = 0.06

// replies lists the server's stream: what was captured, in its order, and a place for each reply that was lost on its
// way into the capture or is still to come.
func (v *view) replies(far float64, sec func(capture.Time) float64) {
	c := v.c
	v.order = slices.Grow(v.order, len(c.replies))
	sorted := true
	for i := range c.replies {
		v.order = append(v.order, int32(i))
		sorted = sorted && (i == 0 || c.replies[i-1].end <= c.replies[i].end)
	}
	if !sorted {
		slices.SortStableFunc(v.order, func(a, b int32) int { return cmp.Compare(c.replies[a].end, c.replies[b].end) })
	}
	tail := len(c.commands)
	for tail > 0 && c.commands[tail-1].reply < 0 {
		tail--
	}
	v.own = slices.Grow(v.own, len(c.commands))
	for range c.commands {
		v.own = append(v.own, -1)
	}
	v.reserve()
	next := 0 // command
	lost := func(upTo int) {
		for ; next < upTo; next++ {
			if cmd := &c.commands[next]; v.own[next] < 0 && cmd.flags&(Awaited|LeftOut) == Awaited {
				v.own[next] = int32(len(v.At))
				v.add(math.NaN(), 0, nil, c.base+int32(next)+1)
			}
		}
	}
	end := received(c)
	if c.seen > 0 {
		end = max(end, c.seen)
	}
	for _, i := range v.order {
		r := &c.replies[i]
		end = max(end, r.end)
		if r.index < 0 {
			if !afterLost(c, -r.index) {
				continue
			}
			lost(int(min(-r.index-1-c.base, int32(tail))))
		}
		if at := int(r.index - 1 - c.base); r.index > 0 && at >= 0 && at < len(v.own) {
			lost(at)
			v.own[at] = int32(len(v.At))
			next = max(next, at+1)
		}
		d, acked := sec(r.time)+far, math.Inf(1)
		if r.acked != 0 {
			if acked = sec(r.acked); acked < d || far > 0 && acked-d > delayedAck {
				d = acked - 1e-6
			}
		}
		v.add(d, r.end, r, r.index)
		v.acked[len(v.acked)-1] = acked
	}
	atEnd, sure := lostAtEnd(c, next, end)
	tail = max(tail, next, atEnd)
	lost(tail)
	v.uncertain(!sure)
	if slices.Contains(v.Guessed, true) || slices.ContainsFunc(v.Command, func(k int32) bool { return k < 0 }) {
		v.usual = usualWait(c)
	}
	v.interpolate(sec)
	for i := tail; i < len(c.commands); i++ {
		if cmd := &c.commands[i]; v.own[i] < 0 && cmd.flags&(Awaited|LeftOut) == Awaited {
			v.own[i] = int32(len(v.At))
			v.add(math.Inf(1), inference.Unseen, nil, c.base+int32(i)+1)
			v.Vague[len(v.Vague)-1] = cmd.flags&Unsure != 0
		}
	}
}

// uncertain marks the lost replies before one of which it is not certain which command it serves; vague says that of what
// comes behind them all.
func (v *view) uncertain(vague bool) {
	for i := len(v.At) - 1; i >= 0; i-- {
		if math.IsNaN(v.At[i]) {
			v.Vague[i] = vague
		}
		vague = v.Vague[i]
	}
}

// reserve makes room for the replies: those that came and those that are due.
func (v *view) reserve() {
	n := len(v.c.replies)
	for i := range v.c.commands {
		if cmd := &v.c.commands[i]; cmd.reply < 0 && cmd.flags&(Awaited|LeftOut) == Awaited {
			n++
		}
	}
	v.At, v.End, v.Command = slices.Grow(v.At, n), slices.Grow(v.End, n), slices.Grow(v.Command, n)
	v.Type, v.Quiet, v.Crowd = slices.Grow(v.Type, n), slices.Grow(v.Quiet, n), slices.Grow(v.Crowd, n)
	v.Vague, v.Guessed = slices.Grow(v.Vague, n), slices.Grow(v.Guessed, n)
	v.begin, v.acked = slices.Grow(v.begin, n), slices.Grow(v.acked, n)
}

func (v *view) add(at float64, end int64, r *replyRecord, command int32) {
	v.At = append(v.At, at)
	v.End = append(v.End, end)
	v.Command = append(v.Command, command)
	v.acked = append(v.acked, math.Inf(1))
	if r == nil {
		r = &replyRecord{}
	}
	v.begin = append(v.begin, r.start)
	v.Type = append(v.Type, r.typ)
	v.Quiet = append(v.Quiet, r.quiet)
	v.Crowd = append(v.Crowd, r.crowd)
	v.Vague = append(v.Vague, r.unsure)
	v.Guessed = append(v.Guessed, math.IsNaN(at))
}

// interpolate gives lost replies a moment: the usual time after their command, but not after the next reply that was
// captured, nor after a write that acknowledges more than the one before them.
func (v *view) interpolate(sec func(capture.Time) float64) {
	next := math.Inf(1)
	for i := len(v.At) - 1; i >= 0; i-- {
		if math.IsNaN(v.At[i]) {
			v.At[i] = next
			continue
		}
		next = min(next, v.At[i])
	}
	before, behind := int64(0), int64(0) // a lost reply lies between
	prev := math.Inf(-1)
	w := 0
	acked := math.Inf(1)
	if v.c.farTime > 0 {
		acked = sec(v.c.farTime) - 1e-6
	}
	for i := range v.At {
		if v.End[i] == 0 {
			v.End[i] = before + 1
			for w < len(v.c.writes) && (v.c.writes[w].ack <= before || int64(v.c.writes[w].index) <= int64(v.Command[i])) {
				w++
			}
			if w < len(v.c.writes) {
				v.At[i] = min(v.At[i], sec(v.c.writes[w].first)-1e-6)
			}
			if before < v.c.farAck {
				v.At[i] = min(v.At[i], acked)
			}
		}
		before = v.End[i]
		if v.Guessed[i] {
			asked := v.written(v.Command[i], sec)
			if len(v.c.arrivals) > 0 {
				for k := i; behind <= before && behind < inference.Unseen; k++ {
					if behind = inference.Unseen; k < len(v.At) {
						behind = v.begin[k]
					}
				}
				if at, sure := arrivedIn(v, before, behind, asked, sec); at <= v.At[i] {
					v.At[i], v.Guessed[i] = at+v.c.who.far, !sure
					asked = v.At[i]
				}
			}
			v.At[i] = min(v.At[i], asked+v.usual)
		}
		// What came behind a lost packet is read with its second copy; but not later than it is acknowledged.
		v.At[i] = min(max(v.At[i], prev), v.acked[i])
		prev = v.At[i]
	}
}

// written is when the write of a kept command ended.
func (v *view) written(command int32, sec func(capture.Time) float64) float64 {
	w, found := slices.BinarySearchFunc(v.c.writes, command, func(w writeRecord, k int32) int { return int(w.index - k) })
	if !found {
		w--
	}
	if w < 0 {
		return math.Inf(1)
	}
	return sec(v.c.writes[w].last)
}

func (v *view) write(sec func(capture.Time) float64, shortest float64) {
	c := v.c
	for i := range c.writes {
		w := &c.writes[i]
		s := inference.Step{First: sec(w.first), Last: sec(w.last), Ack: w.ack, Index: w.index, SetUp: w.flags&SetUp != 0, Farewell: w.flags&Farewell != 0,
			Blocking: w.flags&Blocking != 0, Settled: w.flags&isSettled != 0, Crossed: float64(w.crossed), Uncertain: unsure(c, w), Own: -1}
		if s.Ack < 0 {
			s.Ack = inference.Unseen
		}
		if n := len(v.Steps); n > 0 && s.SetUp && v.Steps[n-1].SetUp && v.Steps[n-1].Ack == s.Ack && s.Last-v.Steps[n-1].Last < min(shortest/2, 0.02) {
			// the set-up is written ahead
			p := &v.Steps[n-1]
			v.take(p, w)
			p.Last = s.Last
			p.Crossed = max(p.Crossed, s.Crossed)
			continue
		}
		v.take(&s, w)
		if i > 0 && w.start > c.writes[i-1].end { // bytes of the client were lost before it
			n := len(v.Steps)
			v.lostWrites(&s)
			s.Lost = len(v.Steps) == n
		}
		v.Steps = append(v.Steps, s)
	}
	for i := range v.Steps {
		s := &v.Steps[i]
		if i+1 < len(v.Steps) {
			n := &v.Steps[i+1]
			s.What, s.Next, s.NextAck, s.QuitNext, s.NextLoss = inference.NextWrite, max(n.First, s.Last), n.Ack, n.Farewell, n.Uncertain || n.Lost
			s.Flat = n.Ack == s.Ack && s.Ack != inference.Unseen && !n.Lost
			s.Guessed, s.Crossed = s.Guessed || n.Index == 0, max(s.Crossed, n.Crossed)
			continue
		}
		e := &c.ending
		s.What, s.Next, s.NextAck = inference.NextNothing, sec(max(c.last, c.r.now)), inference.Unseen
		if c.ended {
			s.Next = sec(e.Time)
		}
		if c.ended && e.ByClient && !c.burst.common() {
			s.What = inference.NextClose
			if e.Ack >= 0 && !e.Reset {
				s.NextAck = e.Ack
			}
		}
		s.Next = max(s.Next, s.Last)
	}
	if n := len(v.Steps); n > 0 {
		v.Pause = 3 * (v.Steps[n-1].Last - v.Steps[0].Last) / float64(n)
	}
	for i := range v.Steps {
		s := &v.Steps[i]
		if s.N > 0 {
			last := s.Own + s.N - 1
			s.Have = v.Delivered(last, s)
			s.Wait = max(0, v.At[last]-s.Last)
		}
	}
}

// take adds the commands of a write to a step.
func (v *view) take(s *inference.Step, w *writeRecord) {
	for i := w.index - 1 - v.c.base; i < w.index-1-v.c.base+w.n; i++ {
		if i < 0 || int(i) >= len(v.own) {
			continue
		}
		if p := v.own[i]; p >= 0 && v.c.commands[i].flags&Awaited != 0 {
			if s.Own < 0 {
				s.Own = p
			}
			s.N = p - s.Own + 1
			s.Drains = s.Drains || v.c.commands[i].flags&Drains != 0
			if at := v.c.commands[i].reply; at >= 0 {
				s.Crossed = max(s.Crossed, float64(v.c.replies[at].crossed))
			}
		}
	}
}

// nobodys stands for the command that a reply from before the capture serves.
const nobodys = math.MinInt32

// serves returns the command that a reply serves, as Reply.Index; below 0 are the places before the kept ones.
func (v *view) serves(reply int32) int32 {
	if reply >= 0 {
		return v.Command[reply]
	}
	if at := len(v.c.owing) + int(reply); at >= 0 {
		return v.c.owing[at]
	}
	return nobodys
}

// holdBack takes the last write of an open connection out of its view: nobody knows yet what comes next.
func (v *view) holdBack() {
	n := len(v.Steps) - 1
	if n < 0 || !v.c.open() {
		return
	}
	v.held = v.Steps[n].Index
	if v.left = v.firstToCome(); v.Steps[n].Own >= 0 {
		v.left = min(v.left, v.Steps[n].Own)
	}
	v.Steps = v.Steps[:n]
}

// firstToCome returns the place of the first of the replies at the end of the stream that are still to come.
func (v *view) firstToCome() int32 {
	end := int32(len(v.At))
	for end > 0 && math.IsInf(v.At[end-1], 1) {
		end--
	}
	return end
}

// next is the place of the first reply that is not of its steps: what is still to come is the first that follows.
func (v *view) next() int32 {
	if v.held == 0 {
		return v.firstToCome()
	}
	return v.left
}

// covered is how many of the kept commands a view has in its steps.
func (v *view) covered() int {
	if v.held > 0 {
		return int(v.held - 1 - v.c.base)
	}
	return len(v.c.commands)
}
