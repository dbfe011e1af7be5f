package resp

// Limits on declared sizes. They bound framing mistakes, not memory, which never follows a declared size.
const (
	// MaxBulk is the longest bulk string taken for real. Redis allows 512 MB unless proto-max-bulk-len is raised.
	MaxBulk = 4 << 30
	// MaxCount is the largest element count taken for real in an aggregate.
	MaxCount = 1 << 32
	// maxMultibulk is the largest argument count that a server takes (INT_MAX).
	maxMultibulk = 1<<31 - 1
)

// header reads an unsigned decimal and its CRLF at the start of b. used is 0 where b does not begin with a whole one of
// at most 12 digits; ParseInt then decides.
func header(b []byte) (n int64, used int) {
	i := 0
	for ; i < len(b) && i < 12; i++ {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		n = n*10 + int64(c)
	}
	if i == 0 || i+1 >= len(b) || b[i] != '\r' || b[i+1] != '\n' || b[0] == '0' && i > 1 {
		return 0, 0
	}
	return n, i + 2
}

// short reads what header reads, where that is one or two digits and CRLF, as nearly always; b holds the first four bytes,
// the first one lowest. used counts the type byte before them too, and is 0 for anything else. It is inlined: taking
// "0\r\n" and "00\r\n" off leaves the digits, and more than them where a byte is no digit or the line does not end there,
// so that one comparison checks both.
func short(b uint32) (n int64, used int) {
	const crlf = '\r' | '\n'<<8
	if one := b&0xffffff - ('0' | crlf<<8); one <= 9 {
		return int64(one), 4
	}
	two := b - ('0' | '0'<<8 | crlf<<16)
	if tens := two & 0xff; two <= 9<<8|9 && tens-1 <= 8 {
		return int64(tens*10 + two>>8), 5
	}
	return 0, 0
}

// ParseInt reads a decimal as string2ll of Redis does: no leading zeros, no plus sign, no spaces, 64 bits.
func ParseInt(b []byte) (int64, bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 19 || b[0] == '0' && (len(b) > 1 || neg) {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	if neg {
		if n > 1<<63 {
			return 0, false
		}
		return -int64(n), true
	}
	return int64(n), n < 1<<63
}

// parsePlus reads an integer with a plus sign, which the protocol allows and Redis never writes.
func parsePlus(line []byte) (int64, bool) {
	if len(line) < 2 || line[0] != '+' || line[1] == '-' {
		return 0, false
	}
	return ParseInt(line[1:])
}

// isDouble checks the text of a double by its characters: digits, sign, point, exponent, inf, nan.
func isDouble(line []byte) bool {
	for _, c := range line {
		switch {
		case c >= '0' && c <= '9', c == '+', c == '-', c == '.', c == 'e', c == 'E':
		case c == 'i', c == 'n', c == 'f', c == 'a':
		default:
			return false
		}
	}
	return len(line) > 0
}

func isBignum(line []byte) bool {
	if len(line) > 1 && (line[0] == '-' || line[0] == '+') {
		line = line[1:]
	}
	for _, c := range line {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(line) > 0
}
