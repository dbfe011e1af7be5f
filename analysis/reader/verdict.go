package reader

import (
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
)

// Outcome says in one word what the caller of a command got.
type Outcome uint8

// Outcomes.
const (
	Untold  Outcome = iota // nobody can tell
	Read                   // the reply to the command Row.Reply
	Nothing                // no reply: it gave up, or its connection was closed
	Before                 // a reply to a command from before the capture
	Extra                  // a reply that no command asked for
)

// Row says what the caller of a command got.
type Row struct {
	Index int32 // the command
	Reply int32 // the command whose reply its caller read, where Got is Read; else 0
	// Owed is how many replies that nobody had read were outstanding or lay there, by the most probable hypothesis, when
	// its batch was written.
	Owed      int32
	Got       Outcome
	Word      Word // how sure that is; Unknown if and only if Got is Untold
	Posterior float64
}

// Verdict is what is inferred of a connection. It is borrowed: valid until the callback returns.
type Verdict struct {
	Conn *Conn
	Rows []Row // of the commands whose callers wait, in order; those that Options.Settled told of have none
	// Last is the last command that this verdict covers, or one before it, awaited or not; whatever has no row among
	// those that were not covered before is not inferred.
	Last     int32
	OneSided bool // the server was not captured
	Ended    bool // nothing more comes of the connection; true once for each
	Kinds    [client.NumKinds]float64
	// Gain is the evidence, in nats, for the kinds that leave replies unread against those that do not.
	Gain   float64
	Quiet  bool // nothing slow, early or unanswered happened in what it covers
	Facts  Facts
	Habits *Habits // of its population; nil where it settled without
}

// verdict judges one connection for good.
func (r *Reader) verdict(q *population, c *fitted, last bool) {
	q.judge(c, &r.pass, &r.o)
	read := make([][]inference.Candidate, len(c.v.c.commands))
	r.pass.Backward(read, nil)
	gone := q.unseen(c, &r.o)
	where := stepsOf(c.v)
	behind := false // the caller before it read another's
	out := Verdict{Conn: c.v.c, Kinds: c.post, Gain: c.gain, Last: c.v.c.base + int32(c.v.covered()), Ended: last || c.v.c.gone}
	if c.v.c.midstream && c.v.c.start == nil && r.pass.Behind > 1-thresholds[0].least {
		c.v.c.origin = origin{behind: true, doubtful: true} // possible at most, until it is seen to be level
	}
	for i, list := range read[:c.v.covered()] {
		if c.v.own[i] < 0 || c.v.c.base+int32(i) < c.v.c.told {
			continue
		}
		row := Row{Index: c.v.c.base + int32(i) + 1}
		if where[i] >= 0 {
			row.Owed = r.pass.Owed[where[i]]
			c.got(&row, list, int32(i), &c.v.Steps[where[i]], gone[i], q)
			if !behind && row.Got == Read && row.Reply != row.Index && resent(c.v, i) {
				row.Word = min(row.Word, Possible)
			}
			behind = row.Word != Unknown && row.Got != Nothing && row.Reply != row.Index
			c.v.c.origin.bound(c.v, &row, &c.v.Steps[where[i]])
			if c.v.c.assumed {
				oneSided(q, &row, &c.v.Steps[where[i]])
			}
		}
		if row.Word == Unknown {
			row = Row{Index: row.Index, Owed: row.Owed, Posterior: row.Posterior}
		}
		out.Rows = append(out.Rows, row)
	}
	out.Rows = inTurnOf(c.v, out.Rows)
	behindExtras(c, out.Rows)
	bounded(&r.o, c.v.c, out.Rows)
	out.Habits = habits(q)
	out.OneSided = c.v.c.assumed
	out.Facts = c.facts(read, q.gate.Usual)
	r.judged(&out)
	c.v.c.told = max(c.v.c.told, out.Last)
}

// got says what the caller of command i of the kept ones got: the most probable of the replies that it may have read, or
// nothing. gone is the chance that it gave up unseen.
func (c *fitted) got(row *Row, list []inference.Candidate, i int32, st *inference.Step, gone float64, q *population) {
	v := c.v
	own := v.own[i]
	list = fromBefore(list, len(v.c.owing))
	best, sum, unread := -1, 0.0, 0.0
	for j := range list {
		sum += list[j].Weight
		unread += list[j].Unread
		if list[j].Reply != inference.Unexplained && (best < 0 || list[j].Weight > list[best].Weight) {
			best = j
		}
	}
	if nothing := 1 - sum; nothing > 0.5 && (best < 0 || nothing > list[best].Weight) {
		if st.What == inference.NextNothing && !st.Have {
			return // it may be waiting still
		}
		row.Got, row.Posterior, row.Word = Nothing, nothing, named(q, c, WordOf(nothing))
		if !st.Flat && (v.Vague[own] || st.NextLoss) {
			row.Word = min(row.Word, Possible)
		}
		if leaves := c.post[client.Closes] + c.leaves() - unread; leaves > nothing/2 && (st.Have || st.What != inference.NextClose) {
			row.Word = accuses(q, c, row.Word)
		} else if st.Have {
			row.Word = min(row.Word, Possible) // its reply came, and somebody took it: only its length speaks
		}
		return
	}
	if best < 0 {
		return
	}
	b := &list[best]
	row.Got, row.Posterior = Read, min(b.Weight, 1) // a command whose place is confused may be in two writes
	row.Word = WordOf(row.Posterior)
	switch serves := v.serves(b.Reply); {
	case serves == nobodys:
		row.Got = Before
	case serves <= 0:
		row.Got = Extra
	default:
		row.Reply = serves
	}
	if b.Reply == own {
		// Of the kinds that show no give-up, what is not known of their patience counts.
		row.Posterior -= max(0, row.Posterior-b.Unread) * gone
		row.Word = WordOf(row.Posterior)
		if 1-client.TurnsShare(&c.post) > 1-thresholds[0].least {
			row.Word = min(row.Word, Likely) // where callers share a connection, one that is cancelled leaves no sign at all
		}
	} else {
		row.Word = accuses(q, c, row.Word)
	}
	if v.Vague[own] || b.Reply >= 0 && v.Vague[b.Reply] {
		row.Word = min(row.Word, Possible) // the name of the reply is not certain
	}
}

// fromBefore joins the replies from before the capture into one: which of them it was nobody can tell. named is how many of
// those before the kept ones are known.
func fromBefore(list []inference.Candidate, named int) []inference.Candidate {
	first, kept := -1, list[:0]
	for _, x := range list {
		if int(x.Reply) >= -named || x.Reply == inference.Unexplained {
			kept = append(kept, x)
		} else if first < 0 {
			first = len(kept)
			kept = append(kept, x)
		} else {
			kept[first].Weight += x.Weight
			kept[first].Unread += x.Unread
		}
	}
	return kept
}

// leaves is the chance that the connection's reader is of a kind that hands replies to later callers.
func (c *fitted) leaves() (p float64) {
	for k, w := range c.post {
		if !client.Kind(k).Healthy() {
			p += w
		}
	}
	return p
}

// stepOf returns for each kept command the step that it is in; -1: none.
func stepsOf(v *view) []int32 {
	out := make([]int32, len(v.own))
	for i := range out {
		out[i] = -1
	}
	for s := range v.Steps {
		st := &v.Steps[s]
		for k := st.Own; k >= 0 && k < st.Own+st.N; k++ {
			if at := v.Command[k] - 1 - v.c.base; at >= 0 && int(at) < len(out) {
				out[at] = int32(s)
			}
		}
	}
	return out
}
