package resp

import "bytes"

// Finding a boundary after lost bytes. A wrong boundary turns into false findings, so a place is taken only if all that
// can be seen behind it is well formed, and what comes first is marked Resynced:
//
//  1. The start of a segment is tried first: ends write whole requests and replies, and segments begin where writes do.
//  2. Inside a segment only a place behind CRLF counts, and only if at least one value behind it is whole and what
//     follows is another one or the end of the segment.
//  3. In the middle of a long reply the elements of an array look like replies. So the start of a segment does not
//     count where the bytes before it were full-sized segments, and inside a segment only status and
//     error lines do, and only if no array begins before them.
const (
	// seekTokens bounds the lines looked at behind one candidate.
	seekTokens = 64
	// maxName is the longest command name that a boundary may have.
	maxName = 64
	// saneCount and saneBulk are the largest declared sizes that a boundary may have.
	saneCount = 1 << 20
	saneBulk  = 512 << 20
)

// seekRequest looks for the next request in b, the unread rest of the segment, and moves there, or consumes b.
func (in *input) seekRequest(b []byte) bool {
	if in.pos == 0 {
		if ok, _ := requestsAt(b, false); ok {
			in.found()
			return true
		}
	}
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("\r\n*"))
		if i < 0 {
			in.pos = len(in.p)
			return false
		}
		at += i + 2
		ok, walked := requestsAt(b[at:], true)
		if ok {
			in.pos += at
			in.found()
			return true
		}
		at += max(walked-2, 0)
	}
}

// requestsAt says whether b looks like the start of a request, and how far the look went before it found out. A strict
// look wants one whole request. No boundary is looked for again in what was walked, which keeps the search linear.
func requestsAt(b []byte, strict bool) (ok bool, walked int) {
	total := len(b)
	for whole, tokens := 0, 0; ; whole++ {
		if len(b) == 0 {
			return whole > 0, total - len(b)
		}
		if b[0] != '*' {
			return false, total - len(b)
		}
		n, used := header(b[1:])
		if used == 0 {
			return whole > 0 && len(b) < maxHeader && bytes.IndexByte(b, '\n') < 0, total - len(b)
		}
		if n < 1 || n > saneCount {
			return false, total - len(b)
		}
		b = b[1+used:]
		for i := int64(0); i < n; i++ {
			if tokens++; tokens > seekTokens {
				return whole > 0 || !strict, total - len(b)
			}
			named := whole > 0 || i > 0 && !strict
			if len(b) == 0 {
				return named, total - len(b)
			}
			if b[0] != '$' {
				return false, total - len(b)
			}
			size, used := header(b[1:])
			if used == 0 {
				return named && len(b) < maxHeader && bytes.IndexByte(b, '\n') < 0, total - len(b)
			}
			if size > saneBulk || i == 0 && (size < 1 || size > maxName) {
				return false, total - len(b)
			}
			b = b[1+used:]
			if int64(len(b)) < size+2 {
				return named, total - len(b)
			}
			if i == 0 && !isName(b[:size]) || b[size] != '\r' || b[size+1] != '\n' {
				return false, total - len(b)
			}
			b = b[size+2:]
		}
	}
}

// isName says whether b can be the name of a command: letters first, as in GET, FT.SEARCH, RESTORE-ASKING.
func isName(b []byte) bool {
	for i, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' || c == '|')) {
			return false
		}
	}
	return len(b) > 0
}

// seekReply looks for the next reply in b, the unread rest of the segment, and moves there, or consumes b.
func (in *input) seekReply(b []byte) bool {
	if in.pos == 0 && !in.full {
		if ok, _ := repliesAt(b, false); ok {
			in.found()
			return true
		}
	}
	for at := 0; !in.full && !opensAggregate(b); {
		i := bytes.Index(b[at:], []byte("\r\n"))
		if i < 0 {
			break
		}
		at += i + 2
		if opensAggregate(b[at:]) {
			break
		}
		if at == len(b) || b[at] != '+' && b[at] != '-' {
			continue
		}
		ok, walked := repliesAt(b[at:], true)
		if ok {
			in.pos += at
			in.found()
			return true
		}
		at += max(walked-2, 0)
	}
	in.pos = len(in.p)
	return false
}

// opensAggregate says whether b may begin with a value whose parts look like replies.
func opensAggregate(b []byte) bool {
	return len(b) > 0 && bytes.IndexByte([]byte("*%~>|;"), b[0]) >= 0
}

// repliesAt says whether b looks like the start of a reply, and how far the look went, as requestsAt does.
func repliesAt(b []byte, strict bool) (ok bool, walked int) {
	total := len(b)
	need := uint64(1) // values that the current reply still wants
	whole := 0
	for tokens := 0; tokens < seekTokens; tokens++ {
		if len(b) == 0 {
			return whole > 0 || !strict && tokens > 0, total - len(b)
		}
		end := bytes.IndexByte(b[:min(len(b), MaxText)], '\n')
		if end < 0 {
			return (whole > 0 || !strict && tokens > 0) && len(b) < MaxText && knownMarker(b[0]), total - len(b)
		}
		if end < 2 || b[end-1] != '\r' {
			return false, total - len(b)
		}
		n, ok := saneLine(b[0], b[1:end-1])
		if !ok {
			return false, total - len(b)
		}
		marker := b[0]
		b = b[end+1:]
		switch marker {
		case '$', '=', '!':
			if n < 0 {
				break
			}
			if int64(len(b)) < n+2 {
				cut := len(b) - int(min(n, int64(len(b))))
				return (whole > 0 || !strict) && (cut == 0 || b[n] == '\r'), total - len(b)
			}
			if b[n] != '\r' || b[n+1] != '\n' {
				return false, total - len(b)
			}
			b = b[n+2:]
		case '*', '~', '>':
			if marker == '>' && need > 1 {
				need++
			}
			need += uint64(max(n, 0))
		case '%':
			need += 2 * uint64(n)
		case '|':
			need += 2*uint64(n) + 1
		}
		if need--; need == 0 {
			whole++
			need = 1
		}
	}
	return whole > 0 || !strict, total - len(b)
}

func knownMarker(c byte) bool { return bytes.IndexByte([]byte("+-:$*_#,(=~%|>!"), c) >= 0 }

// saneLine checks a line behind its marker as a server writes it, and returns the number in it.
func saneLine(marker byte, line []byte) (n int64, ok bool) {
	switch marker {
	case '+':
		letter := len(line) > 0 && line[0]|0x20 >= 'a' && line[0]|0x20 <= 'z'
		return 0, (letter || bytes.Contains(line, []byte(" ["))) && isText(line) // " [" is in each line of MONITOR
	case '-':
		class := ErrorClass(line)
		return 0, len(class) > 1 && class[0] >= 'A' && class[0] <= 'Z' && isText(line)
	case ':':
		return ParseInt(line)
	case '$', '*':
		n, ok = ParseInt(line)
		return n, ok && n >= -1 && n <= saneBulk && (marker == '$' || n <= saneCount)
	case '=', '!':
		n, ok = ParseInt(line)
		return n, ok && n >= 0 && n <= saneBulk
	case '~', '%', '|', '>':
		n, ok = ParseInt(line)
		return n, ok && n >= 0 && n <= saneCount
	case '_':
		return 0, len(line) == 0
	case '#':
		return 0, len(line) == 1 && (line[0] == 't' || line[0] == 'f')
	case ',':
		return 0, isDouble(line)
	case '(':
		return 0, isBignum(line)
	}
	return 0, false
}

func isText(line []byte) bool {
	for _, c := range line {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}
