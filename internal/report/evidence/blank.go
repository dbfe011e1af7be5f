package evidence

import (
	"bytes"
	"slices"
)

// filler stands for each byte of a secret.
const filler = 'x'

// blank overwrites the secrets in one packet. Lengths stay, so that the cut capture is read as the whole one was.
func (t *target) blank(data []byte, h header, side int) []byte {
	copied := false
	for i := range t.spans[side] {
		s := &t.spans[side][i]
		// Distances on the circle of sequence numbers; a packet is shorter than half of it.
		lead := int32(s.from - h.seq) // from the packet's first byte to the secret's
		length := h.end - h.payload
		from, to := 0, length
		if lead > 0 {
			from = int(lead)
		}
		if past := int64(lead) + int64(s.length); past < int64(to) {
			to = int(max(past, 0))
		}
		if from >= to {
			continue
		}
		if !copied {
			data, copied = slices.Clone(data), true
		}
		part := data[h.payload+from : h.payload+to]
		at := h.seq + uint32(from)
		switch {
		case !s.framed:
			fill(part)
		case at == s.next:
			s.scan.blank(part)
			s.next = at + uint32(len(part))
		case at == s.from:
			var again scanner // a retransmission of the beginning
			again.blank(part)
		default:
			fill(part)
		}
	}
	return data
}

func fill(b []byte) {
	for i := range b {
		b[i] = filler
	}
}

// scanner walks over RESP values and overwrites their contents, leaving type markers, lengths and line ends. Its zero
// value stands at the beginning of a value.
type scanner struct {
	line []byte // the line so far
	body int64  // bytes left of a bulk body
	text bool   // inside a line whose text is content
}

// maxLength is more digits than a length has.
const maxLength = 20

func (s *scanner) blank(b []byte) {
	for i := range b {
		c := b[i]
		switch {
		case s.body > 0:
			s.body--
			b[i] = filler
		case c == '\n':
			s.endLine()
		case c == '\r':
		case len(s.line) == 0 && !s.text:
			s.line = append(s.line, c)
			if !bytes.ContainsRune([]byte("*$=!%~>|"), rune(c)) {
				s.text = true
				if !bytes.ContainsRune([]byte("+-:,#_("), rune(c)) {
					b[i] = filler
				}
			}
		case s.text:
			b[i] = filler
		case c >= '0' && c <= '9' || c == '-':
			if s.line = append(s.line, c); len(s.line) > maxLength {
				s.text = true
			}
		default:
			s.text = true
			b[i] = filler
		}
	}
}

func (s *scanner) endLine() {
	if len(s.line) > 1 && !s.text && bytes.IndexByte([]byte("$=!"), s.line[0]) >= 0 {
		for _, c := range s.line[1:] {
			if c == '-' {
				s.body = 0
				break
			}
			s.body = min(s.body*10+int64(c-'0'), 1<<40)
		}
	}
	s.line, s.text = s.line[:0], false
}
