package reader

import (
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// whyUnread says why a caller cannot have got a reply.
type whyUnread uint8

const (
	readInTime  whyUnread = iota
	byAck                 // not delivered when the client wrote its next command
	byHalf                // delivered in part by then
	byTimeout             // delivered later than the client waits
	byClose               // not delivered when the client closed
	byInference           // given up by what followed
)

// unreadable reports why the caller of ex cannot have read r, the oldest unread reply, and the chance that this, or that
// it did read it, is right.
func unreadable(s *Conn, ex, r, last *pairing.Exchange, delivered capture.Time, l limits, wait patience) (whyUnread, float64) {
	switch {
	case !r.Served && !r.LostReply:
		if l.last && !s.Closing[pairing.RoleClient].Fin && !s.Closing[pairing.RoleClient].Rst {
			return byClose, 0.5
		}
		if l.next != nil && !l.flat && !l.certain {
			return readInTime, 0.5 // its reply may have been lost
		}
		if l.last {
			return byClose, 1
		}
		return byAck, 1
	case r.LostReply:
		if l.flat && r == last {
			return byAck, 1
		}
		return readInTime, 0.5
	}
	if !l.certain || r.Flags&(pairing.AfterHole|pairing.Uncertain) != 0 {
		if l.flat && r.Serves.End > l.ack {
			return byAck, 1
		}
		return readInTime, 0.5
	}
	if r.Serves.End > l.ack {
		if l.last {
			return byClose, 1
		}
		if r.Serves.Start < l.ack {
			return byHalf, 1
		}
		return byAck, 1
	}
	if l.last && r.Serves.Time > l.time {
		return byClose, 1
	}
	if ex.Caller.Hypothesis {
		return byInference, 0.9
	}
	if last.Flags&pairing.Blocks != 0 || r.Flags&pairing.Blocks != 0 || r.Serves.Time <= delivered {
		return readInTime, 1
	}
	return wait.verdict(r, r.Serves.FirstTime.Sub(max(delivered, last.EndTime)), l)
}

// readAtClose reports whether the client's close shows that it had read r: it came promptly after it.
func readAtClose(s *Conn, r *pairing.Exchange, l limits) bool {
	c := &s.Closing[pairing.RoleClient]
	return r.Served && (c.Fin || c.Rst) && l.time >= r.Serves.Time && l.time.Sub(r.Serves.Time) < client.Prompt
}
