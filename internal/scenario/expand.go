package scenario

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Bounds on what a scenario's text may grow to.
const (
	maxStatements = 4 << 20 // statements and rounds after repeat blocks are written out
	maxNesting    = 8       // repeat and meanwhile blocks inside each other
)

// statement is one line of the text without its comment, or a block.
type statement struct {
	line    int
	text    string
	comment string
	block   *block // nil for a plain line
}

// block is a repeat or meanwhile block.
type block struct {
	at       string // the time before the keyword, if any
	count    int
	every    time.Duration
	variable string
	rewinds  bool // meanwhile
	body     []statement
}

// split reads text into statements with their nesting.
func (p *parser) split(src string) []statement {
	stack := []*block{{}}
	for n, text := range strings.Split(src, "\n") {
		p.line = n + 1
		text, comment := cutComment(strings.TrimSuffix(text, "\r"))
		text = strings.TrimSpace(text)
		top := stack[len(stack)-1]
		switch {
		case text == "}":
			if len(stack) == 1 {
				p.fail("} without a block")
				return nil
			}
			stack = stack[:len(stack)-1]
		case blockStart.MatchString(text):
			m := blockStart.FindStringSubmatch(text)
			b := p.block(m[1], m[2])
			if p.err != nil {
				return nil
			}
			s := statement{line: p.line, text: text, comment: comment, block: b}
			if inner := strings.TrimSpace(m[3]); inner != "" {
				inner, closed := strings.CutSuffix(inner, "}")
				if !closed {
					p.fail("a block on one line ends with }")
					return nil
				}
				for _, one := range strings.Split(inner, " ; ") {
					b.body = append(b.body, statement{line: p.line, text: strings.TrimSpace(one), comment: comment})
				}
				s.comment = ""
			} else {
				if len(stack) > maxNesting {
					p.fail("blocks nest deeper than %d", maxNesting)
					return nil
				}
				stack = append(stack, b)
			}
			top.body = append(top.body, s)
		case text != "" || comment != "":
			top.body = append(top.body, statement{line: p.line, text: text, comment: comment})
		}
	}
	if len(stack) > 1 {
		p.fail("a block is not closed")
		return nil
	}
	return stack[0].body
}

var blockStart = regexp.MustCompile(`^(\S+\s+)?((?:repeat\s+\d+|meanwhile)(?:\s[^{}"]*)?)\s*\{(\s.*)?$`)

// block reads a block's opening words: "repeat 5 every 30s as j" or "meanwhile".
func (p *parser) block(at, words string) *block {
	b := &block{at: strings.TrimSpace(at), count: 1, variable: "i"}
	f := strings.Fields(words)
	if f[0] == "meanwhile" {
		b.rewinds = true
		b.variable = ""
		if len(f) > 1 {
			p.fail("meanwhile takes no arguments")
		}
		return b
	}
	n, err := strconv.Atoi(f[1])
	if err != nil || n > maxStatements {
		p.fail("repeat count %s is too large", f[1])
		return b
	}
	b.count = n
	for f = f[2:]; len(f) > 0; f = f[2:] {
		if len(f) == 1 {
			p.fail("repeat: %s has no value", f[0])
			return b
		}
		switch f[0] {
		case "every":
			d, err := time.ParseDuration(f[1])
			if err != nil || d < 0 {
				p.fail("repeat every: %q is not a duration", f[1])
			}
			b.every = d
		case "as":
			b.variable = f[1]
		default:
			p.fail("repeat: unknown word %q", f[0])
		}
	}
	return b
}

// variable is a loop counter in scope.
type variable struct {
	name  string
	value int
}

// run carries out statements, blocks written out; depth is bounded by maxNesting.
func (p *parser) run(body []statement, scope []variable) {
	for _, s := range body {
		p.line = s.line
		if p.err != nil {
			return
		}
		if p.left--; p.left < 0 {
			p.fail("more than %d statements", maxStatements)
			return
		}
		text := substitute(s.text, scope)
		if s.block == nil {
			p.statement(text, s.comment)
			continue
		}
		p.note(s.comment, nil)
		b := s.block
		if b.at != "" {
			at, ok := p.time(substitute(b.at, scope))
			if !ok {
				p.fail("%q is not a time", b.at)
				return
			}
			p.clock, p.exact = at, true
		}
		start := p.clock
		for i := range b.count {
			if p.left--; p.left < 0 {
				p.fail("more than %d statements", maxStatements)
				return
			}
			if b.every > 0 {
				p.clock, p.exact = start+time.Duration(i)*b.every, true
			}
			p.run(b.body, append(scope[:len(scope):len(scope)], variable{b.variable, i}))
			if p.err != nil {
				return
			}
		}
		if b.rewinds {
			p.clock = start
		}
	}
}

var placeholder = regexp.MustCompile(`\{[A-Za-z0-9_+*/%-]+\}`)

// substitute writes the values of loop counters for {i}, {i+1}, {40000+j*2}. Braces that hold no counter are hash tags
// and stay.
func substitute(text string, scope []variable) string {
	if len(scope) == 0 || !strings.Contains(text, "{") {
		return text
	}
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		if v, ok := evaluate(m[1:len(m)-1], scope); ok {
			return strconv.Itoa(v)
		}
		return m
	})
}

// evaluate computes from left to right, without precedence. It refuses text that holds no counter.
func evaluate(expr string, scope []variable) (int, bool) {
	total, used, op := 0, false, byte('+')
	for expr != "" {
		end := strings.IndexAny(expr, "+-*/%")
		if end < 0 {
			end = len(expr)
		}
		v, err := strconv.Atoi(expr[:end])
		if err != nil {
			found := false
			for _, x := range scope {
				if x.name == expr[:end] && x.name != "" {
					v, found = x.value, true
				}
			}
			if !found {
				return 0, false
			}
			used = true
		}
		switch {
		case op == '+':
			total += v
		case op == '-':
			total -= v
		case op == '*':
			total *= v
		case v == 0:
			return 0, false
		case op == '/':
			total /= v
		default:
			total %= v
		}
		if end == len(expr) {
			return total, used
		}
		op, expr = expr[end], expr[end+1:]
	}
	return 0, false
}

// cutComment splits a line at a # that stands outside quotes, at the line's start or behind a space, and before a
// space or the end: #t is a RESP3 boolean.
func cutComment(line string) (text, comment string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') &&
			(i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t'):
			return line[:i], strings.TrimSpace(line[i+1:])
		}
	}
	return line, ""
}
