package resp

import (
	"bytes"
	"iter"
)

// values reads the values of a whole encoded reply one after the other, for the few replies whose nested values somebody
// wants. Reading something as what it is not gives nothing and steps over it, so that what a later server adds does no
// harm. After the first error everything gives nothing.
type values struct {
	b     []byte // what is left
	whole int    // length of all
	err   error
}

// value is a scalar (null and errors have no text), or the head of an aggregate whose values come next.
type value struct {
	list bool
	n    int64 // of an integer; of an aggregate the number of its values
	text []byte
}

func (p *values) fail(msg string) {
	if p.err == nil {
		p.err = &SyntaxError{Offset: int64(p.whole - len(p.b)), Msg: msg}
	}
	p.b = nil
}

func (p *values) short() value {
	if p.err == nil {
		p.err = ErrShort
	}
	p.b = nil
	return value{}
}

// next reads a scalar or the head of an aggregate.
func (p *values) next() value {
	line, rest, ok := bytes.Cut(p.b, []byte("\r\n"))
	if !ok {
		return p.short()
	}
	if len(line) == 0 {
		p.fail("no value")
		return value{}
	}
	mark, word := line[0], line[1:]
	switch mark {
	case '+', '#', ',', '(':
		p.b = rest
		return value{text: word}
	case '-', '_':
		p.b = rest
		return value{}
	}
	n, ok := ParseInt(word)
	switch {
	case !ok:
		p.fail("no number")
		return value{}
	case mark == ':':
		p.b = rest
		return value{n: n}
	case n == -1 && (mark == '*' || mark == '$'):
		p.b = rest
		return value{} // null of RESP2
	case n < 0:
		p.fail("negative length")
		return value{}
	case n > int64(len(rest)):
		return p.short() // of a string, and of an aggregate: a value has three bytes at least
	}
	switch mark {
	case '*', '%', '~':
		p.b = rest
		if mark == '%' {
			n *= 2
		}
		return value{list: true, n: n}
	case '$', '=', '!':
		return p.body(mark, rest, n)
	}
	p.fail("not a value of a slot map")
	return value{}
}

// body reads the n bytes of a string and the line end behind them.
func (p *values) body(mark byte, rest []byte, n int64) value {
	text, end := rest[:n], rest[n:]
	switch {
	case len(end) < 2:
		return p.short()
	case end[0] != '\r' || end[1] != '\n':
		p.fail("no line end behind a string")
		return value{}
	}
	p.b = end[2:]
	switch {
	case mark == '!':
		text = nil // an error
	case mark == '=' && len(text) > 3 && text[3] == ':':
		text = text[4:] // behind its format, "txt:"
	}
	return value{text: text}
}

// list begins an aggregate and counts its values, which the body of the loop reads one each; of a map it counts keys and
// values. Anything else has none.
func (p *values) list() iter.Seq[int64] {
	v := p.next()
	return func(yield func(int64) bool) {
		for i := int64(0); v.list && i < v.n && p.err == nil && yield(i); i++ {
		}
	}
}

// pairs begins a list of keys and values, or a map, and reads each key; the body of the loop reads its value.
func (p *values) pairs() iter.Seq[[]byte] {
	v := p.next()
	return func(yield func([]byte) bool) {
		if !v.list {
			return
		}
		for i := int64(1); i < v.n && p.err == nil; i += 2 {
			if key := p.text(); p.err != nil || !yield(key) {
				return
			}
		}
		p.drop(v.n % 2)
	}
}

// text reads a string; nil for null and for anything else.
func (p *values) text() []byte {
	v := p.next()
	if v.list {
		p.drop(v.n)
	}
	return v.text
}

// number reads an integer; 0 for anything else.
func (p *values) number() int64 {
	v := p.next()
	if v.list {
		p.drop(v.n)
		return 0
	}
	return v.n
}

// skip steps over a value.
func (p *values) skip() { p.drop(1) }

// drop steps over n values with all that is in them.
func (p *values) drop(n int64) {
	for ; n > 0 && p.err == nil; n-- {
		if v := p.next(); v.list {
			n += v.n
		}
	}
}
