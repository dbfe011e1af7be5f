package analysis

import (
	"bytes"

	"github.com/respsniff/respsniff/reassembly"
)

// maxTap is the largest slot map that is read: CLUSTER NODES of 4,000 nodes has about 600 KB.
const maxTap = 1 << 20

// replyTap keeps the bytes that a server sends until the slot map that was asked for is whole: nested values are not in
// a resp.Reply.
type replyTap struct {
	start  int64 // stream offset of buf
	buf    []byte
	begun  bool
	broken bool // bytes are missing, or there are too many
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
	if t.broken = t.broken || len(seg.Payload) != seg.Length || len(t.buf)+seg.Length > maxTap; t.broken {
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

// token is one value of an encoded reply: a scalar, or the head of an aggregate.
type token struct {
	depth int
	text  []byte // of a string
	n     int64  // of an integer; of an aggregate the number of values to come
	open  bool   // an aggregate
}

// maxTapDepth is deeper than any slot map nests.
const maxTapDepth = 8

// tokens walks over an encoded reply, whole and well-formed as far as the decoder saw, and stops at anything that a
// slot map does not have.
func tokens(b []byte, yield func(token) bool) {
	var left [maxTapDepth]int64
	depth := 0
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\r\n"))
		if !ok || len(line) == 0 {
			return
		}
		mark, word := line[0], line[1:]
		b = rest
		t := token{depth: depth}
		switch mark {
		case '*', '%', '~':
			n, ok := decimal(word)
			if !ok || n > maxTap {
				return
			}
			if mark == '%' {
				n *= 2
			}
			t.open, t.n = true, n
		case '$', '=':
			n, ok := decimal(word)
			if !ok && string(word) != "-1" || n > int64(len(b))-2 {
				return
			}
			if ok {
				t.text, b = b[:n], b[n+2:]
			}
		case ':':
			n, ok := decimal(word)
			if !ok {
				return
			}
			t.n = n
		case '+', '_', '#', ',':
			t.text = word
		default:
			return
		}
		if !yield(t) {
			return
		}
		if t.open && t.n > 0 {
			if depth++; depth == maxTapDepth {
				return
			}
			left[depth] = t.n
			continue
		}
		for depth > 0 {
			if left[depth]--; left[depth] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			return
		}
	}
}
