package scenario

import (
	"fmt"
	"strings"
)

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
