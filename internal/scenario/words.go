package scenario

import (
	"fmt"
	"strconv"
	"strings"
)

// maxFiller bounds one <N> filler: Redis itself takes bulk strings up to 512 MB.
const maxFiller = 512 << 20

// fields splits text at spaces outside quotes. The fields keep their quotes.
func fields(text string) ([]string, error) {
	var out []string
	start, quoted := -1, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quoted {
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
			continue
		}
		switch {
		case c == ' ' || c == '\t':
			if start >= 0 {
				out = append(out, text[start:i])
				start = -1
			}
			continue
		case c == '"':
			quoted = true
		}
		if start < 0 {
			start = i
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if start >= 0 {
		out = append(out, text[start:])
	}
	return out, nil
}

// word gives the bytes that a field stands for: quoted parts are unquoted, <N> in unquoted parts becomes filler.
// budget counts down the bytes that the scenario may still hold.
func word(field string, budget *int) ([]byte, error) {
	var out []byte
	for field != "" {
		switch at := strings.IndexAny(field, `"<`); {
		case at < 0:
			out = append(out, field...)
			field = ""
		case at > 0:
			out = append(out, field[:at]...)
			field = field[at:]
		case field[0] == '"':
			q, err := strconv.QuotedPrefix(field)
			if err != nil {
				return nil, fmt.Errorf("%s: bad quoting", field)
			}
			text, err := strconv.Unquote(q)
			if err != nil {
				return nil, fmt.Errorf("%s: bad quoting", q)
			}
			out = append(out, text...)
			field = field[len(q):]
		default:
			end := strings.IndexByte(field, '>')
			n, err := strconv.Atoi(field[1:max(end, 1)])
			if end < 0 || err != nil || n < 0 {
				out = append(out, field[0])
				field = field[1:]
				continue
			}
			if n > maxFiller || n > *budget {
				return nil, fmt.Errorf("<%d> is more than a scenario may hold", n)
			}
			out = appendFiller(out, n)
			field = field[end+1:]
		}
	}
	if *budget -= len(out); *budget < 0 {
		return nil, fmt.Errorf("more bytes than a scenario may hold")
	}
	return out, nil
}

// appendFiller adds n letters. They hold no digit, CR or LF, so that no reader finds RESP in them.
func appendFiller(b []byte, n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for n > len(letters) {
		b = append(b, letters...)
		n -= len(letters)
	}
	return append(b, letters[:n]...)
}

// requests encodes "GET a | GET b" and counts the whole requests.
func requests(fs []string, budget *int) (payload []byte, count int, err error) {
	for len(fs) > 0 {
		end := 0
		for end < len(fs) && fs[end] != "|" {
			end++
		}
		one := fs[:end]
		if len(one) == 0 || end == len(fs)-1 {
			return nil, 0, fmt.Errorf("nothing stands beside a |")
		}
		fs = fs[min(end+1, len(fs)):]
		args := make([][]byte, len(one))
		for i, f := range one {
			if args[i], err = word(f, budget); err != nil {
				return nil, 0, err
			}
		}
		switch one[0] {
		case "raw":
			for _, a := range args[1:] {
				payload = append(payload, a...)
			}
			continue
		case "inline":
			for i, a := range args[1:] {
				if i > 0 {
					payload = append(payload, ' ')
				}
				payload = append(payload, a...)
			}
			payload = append(payload, "\r\n"...)
		default:
			payload = appendHead(payload, '*', len(args))
			for _, a := range args {
				payload = appendBulk(payload, '$', a)
			}
		}
		count++
	}
	return payload, count, nil
}

func appendHead(b []byte, marker byte, n int) []byte {
	b = append(b, marker)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, "\r\n"...)
}

func appendBulk(b []byte, marker byte, text []byte) []byte {
	b = appendHead(b, marker, len(text))
	b = append(b, text...)
	return append(b, "\r\n"...)
}
