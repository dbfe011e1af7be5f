package pairing

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing/align"
	"github.com/respsniff/respsniff/analysis/pairing/known"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/pool"
	"github.com/respsniff/respsniff/resp"
)

// Shared is what the pairings of one run have in common: records that are used again, and the user's options.
type Shared struct {
	Ports      map[uint16]bool // server ports, where no SYN shows the roles
	ShowValues bool
	exchanges  pool.Pool[Exchange]
	unresolved pool.Pool[unresolved]
	InUse      int // exchanges in use
	MaxLog     int // commands that may be kept in all until they are judged, see usualLog
	limits     limits
	request    resp.Request
	reply      resp.Reply
	sealed     resp.Reply // one of which nothing is known
	info       ReplyInfo
	push       Oddity
	replies    []bufferedReply // empty: memory for a buffer to come
	Known      known.Memory
	early      align.Early
	paused     time.Duration // the longest pause inside a command that was no interruption
	mark       SegmentMark   // of the segment that is taken; handed to the Sink, so it cannot lie on the stack
}

// NewShared prepares what the pairings of a run share.
func NewShared(ports []uint16, showValues bool, bounds *bound.Set) *Shared {
	h := &Shared{Ports: map[uint16]bool{}, ShowValues: showValues, MaxLog: bounds.Scaled(usualLog), limits: newLimits(bounds)}
	for _, p := range ports {
		h.Ports[p] = true
	}
	return h
}

func (h *Shared) serverPort(p uint16) bool { return h.Ports[p] }

// Release ends one use of an exchange by a queue; the last one returns it to the pool.
func (h *Shared) Release(ex *Exchange) {
	if ex.Refs--; ex.Refs <= 0 {
		h.InUse--
		h.exchanges.Put(ex)
	}
}
