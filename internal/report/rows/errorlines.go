package rows

import (
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
)

// ErrorLines holds errors that are longer than an exchange keeps, until their exchanges come.
type ErrorLines struct {
	at    map[errorPlace]string
	limit *bound.Bound
}

// NewErrorLines returns an empty ErrorLines with its limit in bounds.
func NewErrorLines(bounds *bound.Set) ErrorLines {
	return ErrorLines{map[errorPlace]string{}, bounds.New(bound.Bound{
		Name: "long error lines", Limit: maxErrorLines, Hides: "the ends of further long error lines", Loses: bound.Detail,
	})}
}

type errorPlace struct {
	conn  int64
	index int
}

// maxErrorLines bounds them: exchanges come when all of their connection is understood.
const maxErrorLines = 1 << 14

// See takes an answer.
func (l ErrorLines) See(a *analysis.Answered) {
	if a.Exchange.Served && a.Exchange.Serves.IsError() && !a.Exchange.Serves.Text.Whole() && l.limit.Admits(len(l.at)) {
		l.at[errorPlace{a.Session.ID, a.Exchange.Index}] = string(a.Reply.Text)
	}
}

// Take gives the error of an exchange, if it is one of them.
func (l ErrorLines) Take(e *pairing.Exchange) (line string, ok bool) {
	at := errorPlace{e.Session.ID, e.Index}
	line, ok = l.at[at]
	delete(l.at, at)
	return line, ok && e.Served && e.Serves.IsError() && strings.HasPrefix(line, string(e.Serves.Text.Raw()))
}
