package resp

import (
	"bytes"
	"encoding/binary"
)

// maxQuick is the longest status line that readReply looks through.
const maxQuick = 64

// minReply is the length of the shortest reply that readReply takes, ":0" and CRLF.
const minReply = 4

// Single is Feed and Next for the usual segment: it takes p if it is exactly one reply and the stream is known to stand
// at a boundary. Else it returns false and has done nothing. It takes simple strings, integers, bulk strings and nulls
// only.
func (d *ReplyDecoder) Single(p []byte, rep *Reply) bool {
	if !d.in.taken && (d.part != nil || !d.in.settled()) || readReply(p, 0, rep) != uint(len(p)) || len(p) == 0 {
		return false
	}
	rep.LostBefore, rep.Doubtful = 0, false
	d.in.take(int64(len(p)))
	rep.Start, rep.End = d.in.base-int64(len(p)), d.in.base
	return true
}

// usual takes a reply that lies whole in the segment, as nearly all do. Where it returns false nothing has been consumed.
func (d *ReplyDecoder) usual(rep *Reply) bool {
	if d.in.lost {
		return false
	}
	end := readReply(d.in.p, uint(d.in.pos), rep)
	if end == 0 {
		return false
	}
	rep.Start = d.in.offset()
	rep.LostBefore, rep.Doubtful = rep.Start-d.in.framed, d.in.doubt
	rep.End = d.in.base + int64(end)
	d.in.pos, d.in.framed = int(end), rep.End
	return true
}

// readReply reads a status, integer, bulk string or null bulk string at p[i:] and returns where it ends, or 0 if there is
// none in the usual form. Like readRequest it indexes p.
func readReply(p []byte, i uint, rep *Reply) (end uint) {
	b := p[:len(p):len(p)]
	if i+minReply > uint(len(b)) {
		return 0
	}
	head := b[i : i+minReply : i+minReply]
	var kind Kind
	var n int64
	var text []byte
	end = i
	switch head[0] {
	case '+':
		kind = Simple
		if i+5 <= uint(len(b)) && string(b[i+1:i+5:i+5]) == "OK\r\n" {
			text, end = head[1:3:3], i+5
			break
		}
		if text = statusLine(b[i:]); text == nil {
			return 0
		}
		end = i + 1 + uint(len(text)) + 2
	case '$':
		if i+5 > uint(len(b)) {
			return 0
		}
		line := b[i+1 : i+5 : i+5]
		size, used := short(binary.LittleEndian.Uint32(line))
		if used == 0 {
			if string(line) == "-1\r\n" {
				kind, n, end = Null, -1, i+5
				break
			}
			if size, used = header(b[i+1:]); used == 0 || size > MaxBulk || size > int64(len(b)) {
				return 0
			}
			used++
		}
		at := i + uint(used)
		if end = at + uint(size) + 2; end > uint(len(b)) || b[end-2] != '\r' || b[end-1] != '\n' {
			return 0
		}
		cut := at + uint(min(size, MaxText))
		kind, n, text = Bulk, size, b[at:cut:cut]
	case ':':
		v, used := header(b[i+1:])
		if used == 0 {
			return 0
		}
		end = i + 1 + uint(used)
		kind, n, text = Integer, v, b[i+1:end-2:end-2]
	default:
		return 0
	}
	rep.resetRare()
	rep.Kind, rep.Marker, rep.N, rep.Text = kind, head[0], n, text
	return end
}

// statusLine returns the text of a status at the start of b, or nil where it is long, odd or not whole.
func statusLine(b []byte) []byte {
	for i := 1; i+1 < len(b) && i <= maxQuick && b[i] != '\n'; i++ {
		if b[i] == '\r' {
			if b[i+1] != '\n' {
				return nil
			}
			return b[1:i:i]
		}
	}
	return nil
}

// quick reads a line that is a plain count or length, the common case.
func (st *replyState) quick(b []byte) (n int64, used int) {
	if st.line != 0 || len(b) == 0 || b[0] != '$' && b[0] != '*' && b[0] != '%' && b[0] != '~' && b[0] != '>' {
		return 0, 0
	}
	if n, used = header(b[1:]); used == 0 || n > maxMultibulk {
		return 0, 0
	}
	return n, used + 1
}

// takeLine returns the line without type byte and CRLF and consumes it. ok is false where b does not hold its end.
func (d *ReplyDecoder) takeLine(b []byte, v *Reply, st *replyState) (line []byte, ok bool, msg string) {
	limit := int64(maxHeader * 2)
	free := st.marker == '+' || st.marker == '-'
	switch {
	case st.phase == repChunk:
	case st.marker == '+':
		limit = MaxStatus
	case st.marker == '-' || st.marker == '(':
		limit = MaxLine
	}
	from, end := 0, -1
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			break
		}
		i += from
		if i > 0 && b[i-1] == '\r' || i == 0 && st.cr {
			end = i
			break
		}
		if !free {
			d.in.pos += i
			return nil, false, "line ends in LF without CR"
		}
		v.OddLine = true
		from = i + 1
	}
	if end < 0 {
		if st.line+int64(len(b)) > limit {
			d.in.pos += min(len(b), int(limit))
			return nil, false, "line too long"
		}
		return nil, false, ""
	}
	total := st.line + int64(end) - 2
	if total+1 > limit {
		d.in.pos += end + 1
		return nil, false, "line too long"
	}
	d.in.pos += end + 1
	if st.line == 0 {
		line = b[1 : end-1]
	} else {
		q := d.part
		q.text = append(q.text, b[:min(end, max(0, MaxText-len(q.text)))]...)
		line = q.text[:min(int64(len(q.text)), total)]
	}
	if free && end > 0 && (st.cr || bytes.IndexByte(b[:end-1], '\r') >= 0) {
		v.OddLine = true
	}
	return line, true, ""
}
