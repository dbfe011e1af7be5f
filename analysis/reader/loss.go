package reader

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
)

// received is what the client had received before the first kept write: the server's stream goes on there. Of a connection
// that began before the capture it is not known: below 0.
func received(c *Conn) int64 {
	if w := &c.writes[0]; !c.midstream && w.ack >= 0 && w.flags&Resent == 0 {
		return w.ack
	}
	return -1
}

// origin is where a connection's readers fell behind, while they are.
type origin struct{ behind, doubtful bool }

// bound makes a word no surer than where the trouble began: what the capture lacks accuses nobody.
func (o *origin) bound(v *view, row *Row, st *inference.Step) {
	switch {
	case row.Word == Unknown:
		return
	case row.Got == Read && row.Reply == row.Index:
		*o = origin{}
		return
	case !o.behind:
		o.behind = true
		o.doubtful = v.Doubtful(st) || v.Unwitnessed(st, v.own[row.Index-1-v.c.base])
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
func lostAtEnd(c *Conn, next int, end int64) (behind int, sure bool) {
	lost := c.farAck - end
	if end < 0 || lost < minReply {
		return 0, true
	}
	most := ofSize(c, lost)
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
func ofSize(c *Conn, n int64) int {
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
func afterLost(c *Conn, command int32) bool {
	w, found := slices.BinarySearchFunc(c.writes, command, func(w writeRecord, k int32) int { return int(w.index - k) })
	return found && w > 0 && c.writes[w].start > c.writes[w-1].end
}

// lostWrites adds steps for the writes that were lost before s, as the replies to them show.
func (v *view) lostWrites(s *inference.Step) {
	if len(v.Steps) == 0 {
		return
	}
	for i, command := range v.Command {
		if command != -s.Index {
			continue
		}
		before := &v.Steps[len(v.Steps)-1]
		if before.Index == 0 && before.Own+before.N == int32(i) && v.At[i]-v.At[before.Own] < v.Floor {
			before.N++
			continue
		}
		t := max(before.Last, min(v.At[i]-v.usual, s.First))
		v.Steps = append(v.Steps, inference.Step{First: t, Last: t, Ack: inference.Unseen, Own: int32(i), N: 1, Guessed: true})
	}
}

// usualWait is how long the replies of a connection usually take, s, or those of its population.
func usualWait(c *Conn) float64 {
	var x []float64
	for i := range c.writes {
		w := &c.writes[i]
		for k := max(0, w.index-1-c.base); k < min(w.index-1-c.base+w.n, int32(len(c.commands))); k++ {
			if at := c.commands[k].reply; at >= 0 && len(x) < inference.MaxGateWaits {
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
func unsure(c *Conn, w *writeRecord) bool {
	for k := w.index - 1 - c.base; k < w.index-1-c.base+w.n; k++ {
		if k >= 0 && int(k) < len(c.commands) && c.commands[k].flags&Unsure != 0 {
			return true
		}
	}
	return false
}

// resent reports whether a command was seen only when it was sent again: neither when it was written nor what its client
// had then is known, and no accusation begins with it.
func resent(v *view, command int) bool { return v.c.commands[command].flags&Resent != 0 }

// accuses bounds a word by the evidence for unread replies on a connection and in its population.
func accuses(q *population, c *fitted, w Word) Word {
	if c.v.c.assumed && c.post[client.Forgets] > c.leaves()/2 {
		w = min(w, Possible) // where no reply was captured nothing tells this kind from one that throws late replies away
	}
	return accusation(named(q, c, w), c.gain, q.whole, max(q.each, c.alone))
}

// named bounds a word about callers that gave up: where bytes of the set-up were lost, or it was before the capture, and no
// connection of the population has shown its own, it may have named a library that has many callers on a connection.
func named(q *population, c *fitted, w Word) Word {
	if s := &c.v.c.setUp; (s.lost || c.v.c.midstream) && !q.named {
		return min(w, Likely)
	}
	return w
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
