package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
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

// outline reads text into statements with their nesting, a line at a time.
type outline struct {
	open []*block // innermost last; the first stands for the text
}

// split reads text into statements with their nesting. line is the one that err is about.
func split(src string) (body []statement, line int, err error) {
	o := outline{open: []*block{{}}}
	for n, text := range strings.Split(src, "\n") {
		if line = n + 1; err == nil {
			err = o.add(line, text)
		}
		if err != nil {
			return nil, line, err
		}
	}
	if len(o.open) > 1 {
		return nil, line, errors.New("a block is not closed")
	}
	return o.open[0].body, line, nil
}

// add reads one line.
func (o *outline) add(line int, text string) error {
	text, comment := cutComment(strings.TrimSuffix(text, "\r"))
	text = strings.TrimSpace(text)
	top := o.open[len(o.open)-1]
	switch {
	case text == "}":
		if len(o.open) == 1 {
			return errors.New("} without a block")
		}
		o.open = o.open[:len(o.open)-1]
	case blockStart().MatchString(text):
		m := blockStart().FindStringSubmatch(text)
		b, err := newBlock(m[1], m[2])
		if err != nil {
			return err
		}
		s := statement{line: line, text: text, comment: comment, block: b}
		if inner := strings.TrimSpace(m[3]); inner != "" {
			inner, closed := strings.CutSuffix(inner, "}")
			if !closed {
				return errors.New("a block on one line ends with }")
			}
			for _, one := range strings.Split(inner, " ; ") {
				b.body = append(b.body, statement{line: line, text: strings.TrimSpace(one), comment: comment})
			}
			s.comment = ""
		} else {
			if len(o.open) > maxNesting {
				return fmt.Errorf("blocks nest deeper than %d", maxNesting)
			}
			o.open = append(o.open, b)
		}
		top.body = append(top.body, s)
	case text != "" || comment != "":
		top.body = append(top.body, statement{line: line, text: text, comment: comment})
	}
	return nil
}

var blockStart = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\S+\s+)?((?:repeat\s+\d+|meanwhile)(?:\s[^{}"]*)?)\s*\{(\s.*)?$`)
})

// newBlock reads a block's opening words: "repeat 5 every 30s as j" or "meanwhile".
func newBlock(at, words string) (*block, error) {
	b := &block{at: strings.TrimSpace(at), count: 1, variable: "i"}
	f := strings.Fields(words)
	if f[0] == "meanwhile" {
		b.rewinds = true
		b.variable = ""
		if len(f) > 1 {
			return nil, errors.New("meanwhile takes no arguments")
		}
		return b, nil
	}
	n, err := strconv.Atoi(f[1])
	if err != nil || n > maxStatements {
		return nil, fmt.Errorf("repeat count %s is too large", f[1])
	}
	b.count = n
	for f = f[2:]; len(f) > 0; f = f[2:] {
		if len(f) == 1 {
			return nil, fmt.Errorf("repeat: %s has no value", f[0])
		}
		switch f[0] {
		case "every":
			if b.every, err = time.ParseDuration(f[1]); err != nil || b.every < 0 {
				return nil, fmt.Errorf("repeat every: %q is not a duration", f[1])
			}
		case "as":
			b.variable = f[1]
		default:
			return nil, fmt.Errorf("repeat: unknown word %q", f[0])
		}
	}
	return b, nil
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
