package reader

import (
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/capture"
)

// A reply that no command asked for lies in the stream like any other, and the client that takes replies in turn gives it to
// the next caller, whatever it does with late replies: it has no means to tell it from that caller's own. Only where many
// callers share a connection, each with a place in a queue, does it find the queue empty. What such clients do then differs:
// some drop the reply (ioredis, redis-rs), some leave it for the next caller (Lettuce), some fail and close (node-redis,
// StackExchange.Redis, rueidis). Each is taken to be as likely as the others; those that close were seen to.

// behindExtras gives the callers behind replies that no command asked for what a client that takes replies in turn gives them.
func behindExtras(c *fitted, rows []Row) {
	v := c.v
	if !v.c.extra {
		return
	}
	extras, at, taken := int32(0), int32(0), 1.0
	for i := range rows {
		row := &rows[i]
		k := row.Index - 1 - v.c.base
		if k < 0 || int(k) >= len(v.own) || v.own[k] < 0 {
			continue
		}
		for ; at < v.own[k]; at++ {
			if v.Command[at] == 0 {
				extras++
				taken = min(taken, taker(c, at))
			}
		}
		write := writeOf(v, row.Index)
		if v.c.commands[k].flags&Drains != 0 {
			extras, taken = 0, 1
		}
		if extras == 0 || row.Got == Nothing || row.Got == Before {
			continue
		}
		if behind := readAt(v, row.Index, v.own[k]-extras, write, min(WordOf(taken), Likely), taken); behind.Word != Unknown {
			behind.Owed = row.Owed
			*row = behind
		} else {
			*row = Row{Index: row.Index, Owed: row.Owed}
		}
	}
}

// taker is the chance that a caller gets the extra reply at a place, where the connection was used again after it.
func taker(c *fitted, at int32) float64 {
	v := c.v
	if waitedAt(v, at) {
		return 1
	}
	inTurn, queues := 0.0, 0.0
	for k, w := range c.post {
		switch kind := client.Kind(k); {
		case kind.Family() == client.Unread:
			inTurn += w
		default:
			queues += w
		}
	}
	return (inTurn + queues/3) / (inTurn + 2*queues/3)
}

// waitedAt reports whether a caller was waiting when the reply at a place came: the reply behind it is to an earlier write.
func waitedAt(v *view, at int32) bool {
	for p := at + 1; int(p) < len(v.At); p++ {
		if k := v.Command[p]; k > 0 {
			return v.At[at] > v.written(k, func(t capture.Time) float64 { return t.Sub(v.c.writes[0].first).Seconds() })
		}
	}
	return false
}

// writeOf returns the place of the write that a command is in.
func writeOf(v *view, index int32) int {
	w := 0
	for w+1 < len(v.c.writes) && v.c.writes[w+1].index <= index {
		w++
	}
	return w
}
