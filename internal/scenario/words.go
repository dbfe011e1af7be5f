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

// aggregate is an open bracket of a reply.
type aggregate struct {
	marker byte
	closer string
	count  int
	body   []byte
}

// replies encodes "$a | [ :1 nil ]".
func replies(fs []string, budget *int) ([]byte, error) {
	stack := []aggregate{{}}
	for i := 0; i < len(fs); i++ {
		f := fs[i]
		top := &stack[len(stack)-1]
		if open, ok := openers[f]; ok {
			if len(stack) > maxBrackets {
				return nil, fmt.Errorf("brackets nest deeper than %d", maxBrackets)
			}
			stack = append(stack, open)
			continue
		}
		if len(stack) > 1 && f == top.closer {
			done := *top
			if done.marker == '%' || done.marker == '|' {
				if done.count%2 != 0 {
					return nil, fmt.Errorf("a map has a key without a value")
				}
				done.count /= 2
			}
			stack = stack[:len(stack)-1]
			below := &stack[len(stack)-1]
			if done.marker != '|' {
				below.count++
			}
			below.body = appendHead(below.body, done.marker, done.count)
			below.body = append(below.body, done.body...)
			continue
		}
		if f == "|" {
			if len(stack) > 1 {
				return nil, fmt.Errorf("| inside brackets")
			}
			if i == 0 || i == len(fs)-1 || fs[i-1] == "|" {
				return nil, fmt.Errorf("nothing stands beside a |")
			}
			continue
		}
		if len(stack) == 1 && (f[0] == '+' || f[0] == '-') || f == "raw" {
			for i+1 < len(fs) && fs[i+1] != "|" && (f != "raw" || len(stack) == 1 || fs[i+1] != top.closer) {
				i++
				if f == "raw" {
					f += " " + fs[i]
					continue
				}
				f += " " + fs[i]
			}
		}
		text, err := scalar(f, budget)
		if err != nil {
			return nil, err
		}
		top.count++
		top.body = append(top.body, text...)
	}
	if len(stack) > 1 {
		return nil, fmt.Errorf("a bracket is not closed")
	}
	return stack[0].body, nil
}

// maxBrackets bounds nested aggregates in a reply: beyond what any decoder follows.
const maxBrackets = 4096

var openers = map[string]aggregate{
	"[":  {marker: '*', closer: "]"},
	"~[": {marker: '~', closer: "]"},
	">[": {marker: '>', closer: "]"},
	"%{": {marker: '%', closer: "}"},
	"|{": {marker: '|', closer: "}"},
}

// scalar encodes one reply that is not an aggregate.
func scalar(f string, budget *int) ([]byte, error) {
	switch f {
	case "nil":
		return []byte("$-1\r\n"), nil
	case "nil*":
		return []byte("*-1\r\n"), nil
	case "_":
		return []byte("_\r\n"), nil
	}
	if rest, ok := strings.CutPrefix(f, "raw "); ok {
		parts, err := fields(rest)
		if err != nil {
			return nil, err
		}
		var out []byte
		for _, p := range parts {
			w, err := word(p, budget)
			if err != nil {
				return nil, err
			}
			out = append(out, w...)
		}
		return out, nil
	}
	text, err := word(f[1:], budget)
	if err != nil {
		return nil, err
	}
	switch f[0] {
	case '$', '=', '!':
		return appendBulk(nil, f[0], text), nil
	case '+', '-', ':', ',', '(', '#':
		out := append([]byte{f[0]}, text...)
		return append(out, "\r\n"...), nil
	}
	return nil, fmt.Errorf("%q is no reply: begin with + - : $ _ # , ( = ! [ ~[ >[ %%{ |{ nil or raw", f)
}
