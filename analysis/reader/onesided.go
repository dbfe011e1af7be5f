package reader

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// Where a capture holds only what clients sent, their ACK numbers still show when replies had come: with one command
// outstanding, all that the client acknowledges until it writes again is the reply to that. Of what replies say, and of
// which caller got which one, nothing is known; that a command was written before a byte of the reply to the one before
// had come is a fact all the same.

// settledAs is how sure it is that a caller without a doubt read its own reply.
func settledAs(c *Conn, p *pace, wait float64) Word {
	w := p.word(wait, c.midstream)
	if c.assumed {
		w = min(w, Possible)
	}
	return w
}

// oneSided bounds a word where the server was not captured. Who waits for a reply is known by how long replies take: a
// write without a byte in between is remarkable, as silence is (who.remarkable), where a wait as long has a chance of 5 %. What the client does with the late
// reply is hardly seen, so that it is likely at most, and whose reply a caller got is not seen at all.
func oneSided(q *population, row *Row, st *inference.Step) {
	w := q.gate.Waits
	row.Word = min(row.Word, Likely)
	if row.Got != Nothing && row.Reply != row.Index {
		row.Word = Unknown
		return
	}
	shorter, _ := slices.BinarySearch(w, st.Next-st.Last)
	remarkable := float64(len(w)-shorter+1) <= 0.05*float64(len(w)+2)
	if row.Got == Read || !st.Flat || !remarkable {
		row.Word = min(row.Word, Possible)
	}
}

// assume takes what a client acknowledges of a server of which no packet was seen for opaque replies.
func assume(c *Conn, at capture.Time, ack int64) {
	lost := ack - max(c.farAck, 0)
	if lost < minReply {
		return
	}
	first := len(c.commands)
	for first > 0 && c.commands[first-1].reply < 0 {
		first--
	}
	var due []int
	w := len(c.writes)
	for w > 0 && int(c.writes[w-1].index-1-c.base) >= first {
		w--
	}
	for w = max(w-1, 0); w < len(c.writes) && c.writes[w].ack < ack; w++ {
		from := int(c.writes[w].index - 1 - c.base)
		for k := max(from, first); k < min(from+int(c.writes[w].n), len(c.commands)); k++ {
			if c.commands[k].flags&(Awaited|LeftOut) == Awaited {
				due = append(due, k)
			}
		}
	}
	if len(due) == 0 {
		return
	}
	n := min(len(due), ofSize(c, lost))
	from := max(c.farAck, 0)
	for i, k := range due[:n] {
		to := ack - int64(n-1-i)
		c.answered(&Reply{Index: c.base + int32(k) + 1, Unsure: n < len(due) || n > 1, Time: at, Start: from, End: to})
		from = to
	}
	c.assumed = true
}
