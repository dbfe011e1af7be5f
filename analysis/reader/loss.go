package reader

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// midstreamPrior is how many replies a connection that began before the capture is taken to owe: nearly all owe none.
var midstreamPrior = [...]float64{0.94, 0.04, 0.01, 0.01}

// lossSpread is the chance that around lost bytes one reply more or fewer was read than is known.
const lossSpread = 0.1

// spread makes the place of each reader uncertain by the replies that lost bytes may have held.
func spread(next []state, own int32) []state {
	before := slices.Clone(next)
	for k, s := range before {
		if s.kind.Healthy() || s.read == own {
			continue // who is level stays so
		}
		next[k].w -= s.w * lossSpread
		for _, d := range [...]int32{-1, 1} {
			to := min(s.read+d, own)
			at := slices.IndexFunc(next, func(x state) bool { return x.kind == s.kind && x.read == to && x.held == s.held })
			if at < 0 {
				next = append(next, state{s.kind, to, s.held, 0})
				at = len(next) - 1
			}
			next[at].w += s.w * lossSpread / 2
		}
	}
	return next
}

// received is what the client had received before the first kept write: the server's stream goes on there. Of a connection
// that began before the capture it is not known: below 0.
func (c *Conn) received() int64 {
	if w := &c.writes[0]; !c.midstream && w.ack >= 0 && w.flags&Resent == 0 {
		return w.ack
	}
	return -1
}

// unwitnessed reports whether nothing shows that the caller of a step went on without the reply at a place, where no
// earlier one was owed: what followed was not captured, or when the reply came. The first give-up on a connection must
// have been seen.
func unwitnessed(v *view, st *step, place int32) bool {
	return st.what == nextWrite && !st.flat && (st.untimed() || st.nextLoss || int(place) < len(v.vague) && (v.vague[place] || v.guessed[place] && v.could(place, st)))
}

// doubtful reports whether it is not certain which replies serve the commands of a step, and nothing else shows what its
// caller got.
func doubtful(v *view, st *step) bool {
	return st.n > 0 && !st.flat && (v.c.assumed || st.uncertain || v.vague[st.own] || v.vague[st.own+st.n-1])
}

// late reports whether only the next write acknowledged a reply of a server that was not captured: when it came is not
// known, and the step says nothing of who waited for it.
func late(v *view, st *step) bool {
	return v.c.assumed && st.what == nextWrite && v.at[st.own+st.n-1] >= st.next
}

// origin is where a connection's readers fell behind, while they are.
type origin struct{ behind, doubtful bool }

// bound makes a word no surer than where the trouble began: what the capture lacks accuses nobody.
func (o *origin) bound(v *view, row *Row, st *step) {
	switch {
	case row.Word == Unknown:
		return
	case row.Got == Read && row.Reply == row.Index:
		*o = origin{}
		return
	case !o.behind:
		o.behind = true
		o.doubtful = doubtful(v, st) || unwitnessed(v, st, v.own[row.Index-1-v.c.base])
	}
	if o.doubtful {
		row.Word = min(row.Word, Possible)
	}
}

// minReply is the length of the shortest reply.
const minReply = 3

// lostAtEnd returns the command behind those from next on whose replies were lost behind the last one that was captured,
// which ended at end: the client acknowledged more than that. What it had received when it wrote a command answers earlier
// ones; how many of these is told by the size of what was lost. sure says that it were all of them.
func (c *Conn) lostAtEnd(next int, end int64) (behind int, sure bool) {
	lost := c.farAck - end
	if end < 0 || lost < minReply {
		return 0, true
	}
	most := c.ofSize(lost)
	n, all := 0, 0
	for i := range c.writes {
		w := &c.writes[i]
		if w.ack >= c.farAck {
			break
		}
		for k := max(int(w.index-1-c.base), next); k < int(w.index-1-c.base+w.n) && k < len(c.commands); k++ {
			if c.commands[k].flags&(Awaited|LeftOut) != Awaited {
				continue
			}
			if all++; n < most {
				behind = k + 1
				n++
			}
		}
	}
	return behind, n == all
}

// ofSize is how many replies of the usual size n bytes are: one at least.
func (c *Conn) ofSize(n int64) int {
	bytes := int64(0)
	for i := range c.replies {
		bytes += max(1, c.replies[i].end-c.replies[i].start)
	}
	if bytes == 0 {
		return len(c.commands)
	}
	return int(max(1, (2*n*int64(len(c.replies))+bytes)/(2*bytes)))
}

// afterLost reports whether a command begins a write before which bytes of the client were lost.
func (c *Conn) afterLost(command int32) bool {
	w, found := slices.BinarySearchFunc(c.writes, command, func(w writeRecord, k int32) int { return int(w.index - k) })
	return found && w > 0 && c.writes[w].start > c.writes[w-1].end
}

// lostWrites adds steps for the writes that were lost before s, as the replies to them show.
func (v *view) lostWrites(s *step) {
	if len(v.steps) == 0 {
		return
	}
	for i, command := range v.command {
		if command != -s.index {
			continue
		}
		before := &v.steps[len(v.steps)-1]
		if before.index == 0 && before.own+before.n == int32(i) && v.at[i]-v.at[before.own] < v.floor {
			before.n++
			continue
		}
		t := max(before.t, min(v.at[i]-v.usual, s.first))
		v.steps = append(v.steps, step{first: t, t: t, ack: unseen, own: int32(i), n: 1, guessed: true})
	}
}

// usual is how long the replies of a connection usually take, s, or those of its population.
func (c *Conn) usual() float64 {
	var x []float64
	for i := range c.writes {
		w := &c.writes[i]
		for k := max(0, w.index-1-c.base); k < min(w.index-1-c.base+w.n, int32(len(c.commands))); k++ {
			if at := c.commands[k].reply; at >= 0 && len(x) < maxGateWaits {
				x = append(x, max(0, c.replies[at].time.Sub(w.last).Seconds()+c.who.far))
			}
		}
	}
	if c.pop != nil && c.pop.pace.usual > 0 && len(x) < leastWaits {
		return c.pop.pace.usual
	}
	if len(x) > 0 {
		slices.Sort(x)
		return x[len(x)/2]
	}
	return 0
}

// unsure reports whether the pairing of a command of a write is not certain.
func (c *Conn) unsure(w *writeRecord) bool {
	for k := w.index - 1 - c.base; k < w.index-1-c.base+w.n; k++ {
		if k >= 0 && int(k) < len(c.commands) && c.commands[k].flags&Unsure != 0 {
			return true
		}
	}
	return false
}

// After a loss on the way, and where the window is full, calls wait in the client's kernel and leave together in one
// segment: several callers, one after the other, and not one with a batch. It shows where the population writes one command
// at a time, and needs a reader that is behind: else the second caller waits for the first. Which of them gave up, and when
// each was written, is not seen.

// single is the share of writes of one command from which on a population is taken to write no batches.
const single = 0.99

// coalesced reports whether a step is several calls in one segment, to a reader that leaves replies unread and begins at s.
// One that holds commands back writes them together itself.
func coalesced(p *pass, h *state, st *step, s int32) bool {
	return st.n > 1 && s < st.own && !st.setup && !h.kind.Healthy() && h.kind != client.HoldsBack &&
		!p.o.Without.Has(TermLoss) && p.sizes.n[0] >= single*p.sizes.all
}

// apart explains a step by separate calls, of which any number was given up.
func apart(p *pass, from int32, st *step, s int32, gap float64) {
	w := 1.0
	if st.what != nextNothing {
		w = client.Broad(gap)
	}
	for m := st.n; m >= 0; m-- {
		if m == 0 || p.v.could(s+m-1, st) {
			p.branches = append(p.branches, branch{from: from, to: s + m, w: w, op: opUnknown})
		}
		w *= lossSpread
	}
}

// resent reports whether a command was seen only when it was sent again: neither when it was written nor what its client
// had then is known, and no accusation begins with it.
func resent(v *view, command int) bool { return v.c.commands[command].flags&Resent != 0 }

// lostEvidence is what lost packets may have held against unread replies, in nats: nothing becomes strong by losing it.
const lostEvidence = 1

// lossy reports whether packets of a connection are missing.
func lossy(v *view) bool {
	return slices.ContainsFunc(v.steps, func(s step) bool { return s.lost || s.nextLoss || s.guessed || s.uncertain })
}

// accuses bounds a word by the evidence for unread replies on a connection and in its population.
func accuses(q *population, c *fitted, w Word) Word {
	gain, whole := c.gain, q.whole
	if q.lossy {
		gain, whole = gain-lostEvidence, whole-2*lostEvidence
	}
	if c.v.c.assumed && c.post[client.Forgets] > c.leaves()/2 {
		w = min(w, Possible) // where no reply was captured nothing tells this kind from one that throws late replies away
	}
	return accusation(c.named(w), gain, whole)
}

// named bounds a word about callers that gave up: where bytes of the set-up were lost, or it was before the capture, and no
// connection of the population has shown its own, it may have named a library that has many callers on a connection.
func (c *fitted) named(w Word) Word {
	if s := &c.v.c.setUp; (s.lost || c.v.c.midstream) && !c.v.c.pop.named {
		return min(w, Likely)
	}
	return w
}

// captured is what the capture has of a population.
type captured struct {
	lossy bool // packets of its connections are missing
	named bool // the set-up of one is there, with the name of its library, if it has one
}

// setUp is how much of a connection's set-up was captured.
type setUp struct {
	end  int64 // place behind it in the client's stream
	over bool
	lost bool // some of it was not
}

func (s *setUp) see(cmd *Command) {
	s.lost = s.lost || cmd.Start > s.end
	s.end, s.over = cmd.End, cmd.Flags&SetUp == 0
}
