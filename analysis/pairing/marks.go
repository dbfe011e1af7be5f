package pairing

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// SegmentMark is a segment of the client in which a request begins.
type SegmentMark struct {
	frame int64
	time  capture.Time
	ack   int64
	file  int32
	ts    uint32 // TSecr
	hasTS bool
	full  bool // as large as the largest so far: more of the same write may follow
	late  bool
	seen  bool
}

// dataMark is when a role's last segment with new bytes was.
type dataMark struct {
	Time  capture.Time
	file  int32
	Seen  bool
	frame int64
}

// CloseMark is a role's FIN or RST.
type CloseMark struct {
	Fin, Rst bool
	Frame    int64
	Time     capture.Time
	Ack      int64
	noTS     bool // an RST without timestamps on a connection that uses them: SO_LINGER 0
}

// tail describes the end of what the client last sent. frame, file, time and full are of the segment in which it begins.
type tail struct {
	Ex         *Exchange // nil once it has been settled
	end        int64
	next       int64 // where what follows begins: end, and what encloses an encrypted record behind it
	EndTime    capture.Time
	Ack        int64
	frame      int64
	time       capture.Time
	file       int32
	batch      int32
	Full       bool
	late       bool
	Valid      bool
	ReplyBytes bool // a server byte was delivered after it
}

// follow makes a command the tail.
func (t *tail) follow(ex *Exchange, start *SegmentMark) {
	t.Ex, t.end, t.next, t.EndTime, t.Ack, t.batch = ex, ex.End, ex.End, ex.EndTime, ex.Ack, ex.Batch
	t.frame, t.time, t.file, t.Full = start.frame, start.time, start.file, start.full
	t.late, t.Valid, t.ReplyBytes = ex.Late, true, false
}

// replyProgress is the reply whose bytes are arriving.
type replyProgress struct {
	k       int64
	first   capture.Time
	last    capture.Time
	maxGap  time.Duration
	frame   int64
	started bool
}
