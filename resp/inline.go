package resp

// splitInline splits an inline request into arguments as sdssplitargs of Redis does: single and double quotes, which may
// begin inside a word, the escapes \xHH \n \r \t \b \a in double quotes and \' in single ones, and a NUL ends the line.
// It returns false where quotes are unbalanced or a closing quote touches further text. Arguments without quotes lie
// in line, others in v.buf.
func splitInline(line []byte, v *Request) bool {
	count := 0
	if v.buf == nil || cap(v.buf)-len(v.buf) < len(line) {
		for _, c := range line {
			if c == '"' || c == '\'' {
				v.buf = make([]byte, 0, len(line))
				break
			}
		}
	}
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) || line[i] == 0 {
			break
		}
		from := i
		for i < len(line) && !endsWord(line[i]) && line[i] != '"' && line[i] != '\'' {
			i++
		}
		word := line[from:i:i]
		if i < len(line) && !endsWord(line[i]) {
			at := len(v.buf)
			v.buf = append(v.buf, word...)
			var ok bool
			if i, ok = unquote(line, i, v); !ok {
				return false
			}
			word = v.buf[at:len(v.buf):len(v.buf)]
		}
		a := Arg{Bytes: word, Len: len(word)}
		if count < MaxArgs {
			v.Args = append(v.Args, a)
		}
		v.Last = a
		count++
	}
	v.NArgs = count
	return true
}

// unquote appends the rest of the word at line[i:] to v.buf and returns the place behind it.
func unquote(line []byte, i int, v *Request) (int, bool) {
	var quote byte
	for ; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && endsWord(c):
			return i, true
		case c == 0:
			return i, false
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0:
			v.buf = append(v.buf, c)
		case c == quote:
			if i+1 < len(line) && !isSpace(line[i+1]) && line[i+1] != 0 {
				return i, false
			}
			return i + 1, true
		case quote == '"' && c == '\\' && i+3 < len(line) && line[i+1] == 'x' && isHex(line[i+2]) && isHex(line[i+3]):
			v.buf = append(v.buf, unhex(line[i+2])<<4|unhex(line[i+3]))
			i += 3
		case quote == '"' && c == '\\' && i+1 < len(line):
			i++
			v.buf = append(v.buf, unescape(line[i]))
		case quote == '\'' && c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			i++
			v.buf = append(v.buf, '\'')
		default:
			v.buf = append(v.buf, c)
		}
	}
	return i, quote == 0
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func endsWord(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0 }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// EqualFold compares ASCII text with an upper-case word.
func EqualFold(b []byte, upper string) bool {
	if len(b) != len(upper) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}
