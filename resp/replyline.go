package resp

import (
	"bytes"
	"encoding/binary"
)

// maxQuick is the longest status line that whole looks through.
const maxQuick = 64

// whole takes a status, integer, bulk string or null bulk string that lies whole in the segment: nearly all replies.
// Where it returns false nothing has been consumed.
func (d *ReplyDecoder) whole(rep *Reply) bool {
	b := d.in.p[d.in.pos:]
	if len(b) < 4 {
		return false
	}
	used := 0
	switch b[0] {
	case '$':
		if len(b) < 5 {
			return false
		}
		if b[1] == '-' {
			if b[2] != '1' || b[3] != '\r' || b[4] != '\n' {
				return false
			}
			rep.Kind, rep.N, used = Null, -1, 5
			break
		}
		n, at := short(binary.LittleEndian.Uint32(b[1:]))
		if at == 0 {
			n, at = header(b[1:])
		}
		at++
		if at == 1 || n > MaxBulk || int64(len(b)-at) < n+2 {
			return false
		}
		end := at + int(n)
		if b[end] != '\r' || b[end+1] != '\n' {
			return false
		}
		cut := at + min(int(n), MaxText)
		rep.Kind, rep.N, rep.Text, used = Bulk, n, b[at:cut:cut], end+2
	case ':':
		n, at := header(b[1:])
		if at == 0 {
			return false
		}
		rep.Kind, rep.N, rep.Text, used = Integer, n, b[1:at-1:at-1], at+1
	case '+':
		for i := 1; ; i++ {
			if i+1 >= len(b) || i > maxQuick || b[i] == '\n' {
				return false
			}
			if b[i] != '\r' {
				continue
			}
			if b[i+1] != '\n' {
				return false
			}
			rep.Kind, rep.Text, used = Simple, b[1:i:i], i+2
			break
		}
	default:
		return false
	}
	rep.Marker = b[0]
	rep.Start = d.in.offset()
	rep.End = rep.Start + int64(used)
	rep.Doubtful = d.in.doubt
	rep.LostBefore = rep.Start - d.in.framed
	d.in.pos += used
	d.in.framed = rep.End
	return true
}

// quick reads a line that is a plain count or length, the common case.
func (d *ReplyDecoder) quick(b []byte, st *replyState) (n int64, used int) {
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
