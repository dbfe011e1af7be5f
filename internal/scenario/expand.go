package scenario

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

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

var placeholder = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\{[A-Za-z0-9_+*/%-]+\}`)
})

// substitute writes the values of loop counters for {i}, {i+1}, {40000+j*2}. Braces that hold no counter are hash tags
// and stay.
func substitute(text string, scope []variable) string {
	if len(scope) == 0 || !strings.Contains(text, "{") {
		return text
	}
	return placeholder().ReplaceAllStringFunc(text, func(m string) string {
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
