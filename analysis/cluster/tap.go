package cluster

import (
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// replyTap keeps the bytes that a server sends until the slot map that was asked for is whole: nested values are not in
// a resp.Reply.
type replyTap struct {
	start  int64 // stream offset of buf
	buf    []byte
	begun  bool
	broken bool // bytes are missing, or there are too many
	limit  *bound.Bound
}

func (t *replyTap) feed(seg *reassembly.Segment) {
	switch {
	case t.broken:
		return
	case !t.begun:
		t.begun, t.start = true, seg.Offset
	case seg.Offset != t.start+int64(len(t.buf)):
		t.broken = true
	}
	end := len(t.buf) + seg.Length
	if t.broken = t.broken || len(seg.Payload) != seg.Length || end > 0 && !t.limit.Admits(end-1); t.broken {
		t.buf = nil
		return
	}
	t.buf = append(t.buf, seg.Payload...)
}

// bytes returns the stream between two offsets, or nil.
func (t *replyTap) bytes(from, to int64) []byte {
	if t.broken || from < t.start || to > t.start+int64(len(t.buf)) || from > to {
		return nil
	}
	return t.buf[from-t.start : to-t.start]
}
