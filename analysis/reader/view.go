package reader

import (
	"cmp"
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/capture"
)

// What came after a write.
const (
	nextWrite = iota
	nextClose
	nextNothing // the capture or the process ended
)

const unseen = math.MaxInt64

// view is a connection as it is judged: times in seconds from its first write, replies in the order of the server's
// stream with the moment from which the client could read them.
type view struct {
	c       *Conn
	at      []float64 // delivered; +Inf: never seen
	begin   []int64   // place of it; 0: not known
	end     []int64   // place behind it
	typ     []Type
	hash    []uint32
	acked   []float64 // not delivered later than that; +Inf: not known
	quiet   []float32
	crowd   []uint16
	command []int32 // that it serves, as Reply.Index
	steps   []step
	own     []int32 // by command: place of its own reply; -1: none is due, or none was sent
	far     bool    // the tap is not at the client: what a segment holds may have left earlier, and been lost once
	floor   float64 // no delay is known better than this
	pause   float64 // between two of its writes, from which on it is remarkable
	silence float64 // of the whole client, from which on it is remarkable
	held    int32   // first command of the last write, which is held back; 0: none is
	left    int32   // then: replies from here on are not of the steps
	vague   []bool  // by reply: it is not certain which command it serves
	guessed []bool  // … when it was delivered was not seen
	usual   float64 // time to a reply, s
}

// step is one write and what followed.
type step struct {
	first     float64 // first byte written
	t, next   float64 // last byte written; the next sign of life
	ack       int64   // at the write
	nextAck   int64   // of the next sign of life
	own       int32   // place of the first reply of its own
	n         int32   // replies that its caller waits for
	index     int32   // first command
	what      uint8
	farewell  bool // it is a QUIT
	quitNext  bool // the next one is
	setup     bool
	drains    bool // its caller throws away every reply before its own
	blocking  bool
	settled   bool    // it is counted already
	uncertain bool    // which replies serve its commands is not certain
	lost      bool    // bytes of the client were lost before it
	nextLoss  bool    // one of these is true of the next one
	guessed   bool    // when it was written, or the next one, was not seen
	crossed   float64 // … or its reply came, is wrong by up to so much, s
	flat      bool    // the next write carries the same ACK number and directly follows
	have      bool    // its own last reply was delivered before the next sign of life
	wait      float64
	callers   int32 // whose replies came since the write before; see together
}

// newView makes the view of a connection; shortest is the shortest certain give-up of its population, or +Inf.
func newView(c *Conn, shortest float64) *view {
	v := &view{c: c, floor: c.who.floor(), silence: c.who.remarkable()}
	far := c.who.far
	v.far = far > 0
	if len(c.writes) == 0 {
		return v
	}
	zero := c.writes[0].first
	sec := func(t capture.Time) float64 { return t.Sub(zero).Seconds() }
	v.replies(far, sec)
	v.write(sec, shortest)
	together(v)
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
	order := make([]int32, len(c.replies))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(c.replies[a].end, c.replies[b].end) })
	tail := len(c.commands)
	for tail > 0 && c.commands[tail-1].reply < 0 {
		tail--
	}
	v.own = make([]int32, len(c.commands))
	for i := range v.own {
		v.own[i] = -1
	}
	v.reserve()
	next := 0 // command
	lost := func(upTo int) {
		for ; next < upTo; next++ {
			if cmd := &c.commands[next]; v.own[next] < 0 && cmd.flags&(Awaited|LeftOut) == Awaited {
				v.own[next] = int32(len(v.at))
				v.add(math.NaN(), 0, nil, c.base+int32(next)+1)
			}
		}
	}
	end := c.received()
	if c.seen > 0 {
		end = max(end, c.seen)
	}
	for _, i := range order {
		r := &c.replies[i]
		end = max(end, r.end)
		if r.index < 0 {
			if !c.afterLost(-r.index) {
				continue
			}
			lost(int(min(-r.index-1-c.base, int32(tail))))
		}
		if at := int(r.index - 1 - c.base); r.index > 0 && at >= 0 && at < len(v.own) {
			lost(at)
			v.own[at] = int32(len(v.at))
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
	atEnd, sure := c.lostAtEnd(next, end)
	tail = max(tail, next, atEnd)
	lost(tail)
	v.uncertain(!sure)
	if slices.Contains(v.guessed, true) || slices.ContainsFunc(v.command, func(k int32) bool { return k < 0 }) {
		v.usual = c.usual()
	}
	v.interpolate(sec)
	for i := tail; i < len(c.commands); i++ {
		if cmd := &c.commands[i]; v.own[i] < 0 && cmd.flags&(Awaited|LeftOut) == Awaited {
			v.own[i] = int32(len(v.at))
			v.add(math.Inf(1), unseen, nil, c.base+int32(i)+1)
			v.vague[len(v.vague)-1] = cmd.flags&Unsure != 0
		}
	}
}

// uncertain marks the lost replies before one of which it is not certain which command it serves; vague says that of what
// comes behind them all.
func (v *view) uncertain(vague bool) {
	for i := len(v.at) - 1; i >= 0; i-- {
		if math.IsNaN(v.at[i]) {
			v.vague[i] = vague
		}
		vague = v.vague[i]
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
	v.at, v.end, v.command = make([]float64, 0, n), make([]int64, 0, n), make([]int32, 0, n)
	v.typ, v.hash, v.quiet, v.crowd = make([]Type, 0, n), make([]uint32, 0, n), make([]float32, 0, n), make([]uint16, 0, n)
	v.vague, v.guessed = make([]bool, 0, n), make([]bool, 0, n)
}

func (v *view) add(at float64, end int64, r *replyRecord, command int32) {
	v.at = append(v.at, at)
	v.end = append(v.end, end)
	v.command = append(v.command, command)
	v.acked = append(v.acked, math.Inf(1))
	if r == nil {
		r = &replyRecord{}
	}
	v.begin = append(v.begin, r.start)
	v.typ = append(v.typ, r.typ)
	v.hash = append(v.hash, r.hash)
	v.quiet = append(v.quiet, r.quiet)
	v.crowd = append(v.crowd, r.crowd)
	v.vague = append(v.vague, r.unsure)
	v.guessed = append(v.guessed, math.IsNaN(at))
}

// interpolate gives lost replies a moment: the usual time after their command, but not after the next reply that was
// captured, nor after a write that acknowledges more than the one before them.
func (v *view) interpolate(sec func(capture.Time) float64) {
	next := math.Inf(1)
	for i := len(v.at) - 1; i >= 0; i-- {
		if math.IsNaN(v.at[i]) {
			v.at[i] = next
			continue
		}
		next = min(next, v.at[i])
	}
	before, behind := int64(0), int64(0) // a lost reply lies between
	prev := math.Inf(-1)
	w := 0
	acked := math.Inf(1)
	if v.c.farTime > 0 {
		acked = sec(v.c.farTime) - 1e-6
	}
	for i := range v.at {
		if v.end[i] == 0 {
			v.end[i] = before + 1
			for w < len(v.c.writes) && (v.c.writes[w].ack <= before || int64(v.c.writes[w].index) <= int64(v.command[i])) {
				w++
			}
			if w < len(v.c.writes) {
				v.at[i] = min(v.at[i], sec(v.c.writes[w].first)-1e-6)
			}
			if before < v.c.farAck {
				v.at[i] = min(v.at[i], acked)
			}
		}
		before = v.end[i]
		if v.guessed[i] {
			asked := v.written(v.command[i], sec)
			if len(v.c.arrivals) > 0 {
				for k := i; behind <= before && behind < unseen; k++ {
					if behind = unseen; k < len(v.at) {
						behind = v.begin[k]
					}
				}
				if at, sure := arrivedIn(v, before, behind, asked, sec); at <= v.at[i] {
					v.at[i], v.guessed[i] = at+v.c.who.far, !sure
					asked = v.at[i]
				}
			}
			v.at[i] = min(v.at[i], asked+v.usual)
		}
		// What came behind a lost packet is read with its second copy; but not later than it is acknowledged.
		v.at[i] = min(max(v.at[i], prev), v.acked[i])
		prev = v.at[i]
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
		s := step{first: sec(w.first), t: sec(w.last), ack: w.ack, index: w.index, setup: w.flags&SetUp != 0, farewell: w.flags&Farewell != 0,
			blocking: w.flags&Blocking != 0, settled: w.flags&isSettled != 0, crossed: float64(w.crossed), uncertain: c.unsure(w), own: -1}
		if s.ack < 0 {
			s.ack = unseen
		}
		if n := len(v.steps); n > 0 && s.setup && v.steps[n-1].setup && v.steps[n-1].ack == s.ack && s.t-v.steps[n-1].t < min(shortest/2, 0.02) {
			// the set-up is written ahead
			p := &v.steps[n-1]
			v.take(p, w)
			p.t = s.t
			p.crossed = max(p.crossed, s.crossed)
			continue
		}
		v.take(&s, w)
		if c.afterLost(w.index) {
			n := len(v.steps)
			v.lostWrites(&s)
			s.lost = len(v.steps) == n
		}
		v.steps = append(v.steps, s)
	}
	for i := range v.steps {
		s := &v.steps[i]
		if i+1 < len(v.steps) {
			n := &v.steps[i+1]
			s.what, s.next, s.nextAck, s.quitNext, s.nextLoss = nextWrite, max(n.first, s.t), n.ack, n.farewell, n.uncertain || n.lost
			s.flat = n.ack == s.ack && s.ack != unseen && !n.lost
			s.guessed, s.crossed = s.guessed || n.index == 0, max(s.crossed, n.crossed)
			continue
		}
		e := &c.ending
		s.what, s.next, s.nextAck = nextNothing, sec(max(c.last, c.r.now)), unseen
		if c.ended {
			s.next = sec(e.Time)
		}
		if c.ended && e.ByClient && !c.burst.common() {
			s.what = nextClose
			if e.Ack >= 0 && !e.Reset {
				s.nextAck = e.Ack
			}
		}
		s.next = max(s.next, s.t)
	}
	if n := len(v.steps); n > 0 {
		v.pause = 3 * (v.steps[n-1].t - v.steps[0].t) / float64(n)
	}
	for i := range v.steps {
		s := &v.steps[i]
		if s.n > 0 {
			last := s.own + s.n - 1
			s.have = v.delivered(last, s)
			s.wait = max(0, v.at[last]-s.t)
		}
	}
}

// take adds the commands of a write to a step.
func (v *view) take(s *step, w *writeRecord) {
	for i := w.index - 1 - v.c.base; i < w.index-1-v.c.base+w.n; i++ {
		if i < 0 || int(i) >= len(v.own) {
			continue
		}
		if p := v.own[i]; p >= 0 && v.c.commands[i].flags&Awaited != 0 {
			if s.own < 0 {
				s.own = p
			}
			s.n = p - s.own + 1
			s.drains = s.drains || v.c.commands[i].flags&Drains != 0
			if at := v.c.commands[i].reply; at >= 0 {
				s.crossed = max(s.crossed, float64(v.c.replies[at].crossed))
			}
		}
	}
}

// untimed reports whether the times of a step are no evidence.
func (s *step) untimed() bool { return s.guessed || s.crossed > 0 }

// delivered reports whether the client could read reply i when it next wrote or closed after s.
func (v *view) delivered(i int32, s *step) bool {
	return int(i) < len(v.at) && v.end[i] <= s.nextAck && v.at[i] <= s.next+1e-4
}

// clean counts what is certain in any reading: the connection up to its first doubt, which is a wait longer than low, or one
// that ended without a reply, which is returned.
func (v *view) clean(c *client.Counts, low float64) (giveUp *client.GiveUp) {
	for i := range v.steps {
		s := &v.steps[i]
		if s.n == 0 || s.crossed > 0 && s.have {
			continue
		}
		if !s.have {
			if s.untimed() {
				return nil
			}
			if gap := max(0, s.next-s.t); s.what != nextNothing && !s.blocking {
				return &client.GiveUp{Weight: 1, Hi: gap, Gap: gap, Written: s.what == nextWrite, Ended: s.ended(), Step: int32(i)}
			}
			return nil
		}
		if s.wait > low {
			return nil
		}
		if c != nil {
			v.countStep(c, s)
		}
	}
	return nil
}

// count counts a connection without a doubt.
func (v *view) count(c *client.Counts, floor float64) {
	for i := range v.steps {
		if s := &v.steps[i]; s.n > 0 && s.have {
			v.countStep(c, s)
		}
	}
}

func (v *view) countStep(c *client.Counts, s *step) {
	if s.settled || s.untimed() || v.guessed[s.own+s.n-1] {
		return
	}
	if !s.blocking && s.wait > 0x1p-16 {
		c.AddWait(s.wait, 1)
	}
	if s.what == nextWrite {
		h := &c.Think
		if s.setup {
			h = &c.SetUp
		}
		h.Add(max(v.floor, s.next-v.at[s.own+s.n-1]), 1)
	}
	if s.what != nextNothing && !s.farewell {
		c.CountEnd(s.ended())
	}
}

// nobodys stands for the command that a reply from before the capture serves.
const nobodys = math.MinInt32

// serves returns the command that a reply serves, as Reply.Index; below 0 are the places before the kept ones.
func (v *view) serves(reply int32) int32 {
	if reply >= 0 {
		return v.command[reply]
	}
	if at := len(v.c.owing) + int(reply); at >= 0 {
		return v.c.owing[at]
	}
	return nobodys
}
