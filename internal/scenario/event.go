package scenario

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// event is something that happens at a time: to one kernel, or in its program.
type event struct {
	at    time.Duration
	rank  eventRank
	order int64
	t     *kernels
	side  side
	act   *action // eventAction, and what caused eventSegment
	off   int     // eventSegment: place in act.payload
	seg   sentSegment
	tsval uint32
	probe bool
	stage int             // eventHandshake
	copy  *capture.Packet // eventCopy
}

// eventRank orders events of one time: what arrives is there before a program acts, and a kernel waits for the
// program's data before it acknowledges by itself.
type eventRank uint8

const (
	eventCopy eventRank = iota // a packet passes the capture point later than it was sent, or once more
	eventArrival
	eventHandshake
	eventAction
	eventSegment
	eventTimer
	eventAckNow
)

// eventQueue is a heap by time, rank and order of planning.
type eventQueue []event

func (e event) before(o event) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	if e.rank != o.rank {
		return e.rank < o.rank
	}
	return e.order < o.order
}

func (q eventQueue) Len() int           { return len(q) }
func (q eventQueue) Less(i, j int) bool { return q[i].before(q[j]) }
func (q eventQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)        { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = event{}
	*q = (*q)[:last]
	return e
}
