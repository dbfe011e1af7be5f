package realtest

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// pair is what the analysis says of one command.
type pair struct {
	name      string
	served    bool
	uncertain bool
	kind      resp.Kind
	start     int64
	end       int64
	text      string // of a reply that has one, its beginning
	element   int
	inExec    resp.Kind
}

// verdict is what the whole pipeline says of a recording.
type verdict struct {
	pairs    map[netip.AddrPort]map[int]pair // by client and command number
	wrong    []string                        // contradictions
	findings []incident.Finding
	summary  analysis.Summary
}

// judge runs the pipeline over a recording. Pairs are kept on request only: a soak has hundreds of thousands.
func judge(t *testing.T, path string, keep bool) *verdict {
	t.Helper()
	src, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	v := &verdict{pairs: map[netip.AddrPort]map[int]pair{}}
	run := analysis.NewRun(nil)
	events := run.Events(reassembly.New(reassembly.Options{}).Segments(src.Packets()))
	for f, err := range run.Detect(v.tap(events, keep), detectors.All()) {
		if err != nil {
			t.Fatal(err)
		}
		v.findings = append(v.findings, f)
	}
	v.summary = run.Summary()
	return v
}

// tap notes the pairs on their way to the rules.
func (v *verdict) tap(events iter.Seq2[pairing.Event, error], keep bool) iter.Seq2[pairing.Event, error] {
	return func(yield func(pairing.Event, error) bool) {
		for e, err := range events {
			switch e := e.(type) {
			case *pairing.Exchange:
				if keep {
					v.note(e)
				}
			case *analysis.Answered:
				if e.Contradiction != "" {
					v.wrong = append(v.wrong, e.Session.Client.String()+": "+e.Exchange.CommandName()+": "+e.Contradiction)
				}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (v *verdict) note(ex *pairing.Exchange) {
	of := v.pairs[ex.Session.Client]
	if of == nil {
		of = map[int]pair{}
		v.pairs[ex.Session.Client] = of
	}
	of[ex.Index] = pair{
		name: ex.CommandName(), served: ex.Served, uncertain: ex.Flags&pairing.Uncertain != 0, kind: ex.Serves.Kind,
		start: ex.Serves.Start, end: ex.Serves.End, text: string(ex.Serves.Text.Raw()), element: ex.Exec.Element, inExec: ex.Exec.Kind,
	}
}

// accusations are the findings that healthy traffic must not have: a desync that is worth a look, and lost packets, with
// which nothing would be shown.
func (v *verdict) accusations(least incident.Severity) (list []incident.Finding) {
	for _, f := range v.findings {
		if strings.HasPrefix(f.Rule, "RS1") && f.Severity >= least || f.Rule == "RS901" {
			list = append(list, f)
		}
	}
	return list
}

// holdAgainst compares the pairs of one connection with what its caller was told.
func (v *verdict) holdAgainst(c *caller) {
	c.t.Helper()
	of := v.pairs[c.local]
	if len(of) != len(c.calls) {
		c.t.Errorf("%s: %d commands in the recording, %d were sent", c.what, len(of), len(c.calls))
	}
	tieTransactions(c.calls)
	for i, now := range c.calls {
		p, ok := of[i+1]
		if !ok {
			c.t.Errorf("%s: command %d, %v, is not in the recording", c.what, i+1, now)
			return
		}
		if why := p.differs(now); why != "" {
			c.t.Errorf("%s: command %d, %v: %s\nthe caller read %v\nthe analysis says %+v", c.what, i+1, now, why, now.replies, p)
			return // what follows differs for the same reason
		}
	}
}

// differs says in what a pair is not what the caller saw; empty: in nothing.
func (p pair) differs(now *call) string {
	first, _, _ := strings.Cut(p.name, " ")
	switch {
	case !strings.EqualFold(first, now.words[0]) && p.name != fmt.Sprintf("word of %d bytes", len(now.words[0])): // a line that names no command
		return "another command"
	case p.served != (len(now.replies) > 0):
		return "one has a reply, the other has none"
	case p.uncertain:
		return "nothing was lost, yet the pair is uncertain"
	case !p.served:
		return ""
	}
	f := now.replies[0]
	switch {
	case p.kind != f.kind:
		return "another kind of reply"
	case p.start != f.start || p.end != f.end:
		return "other bytes"
	case (f.kind == resp.Simple || f.kind == resp.Error || f.kind == resp.Bulk) && p.text != "" && p.text != f.head:
		return "another text"
	case p.element != now.element || now.element > 0 && p.inExec.String() != now.inExec:
		return "another element of EXEC"
	}
	return ""
}

// tieTransactions notes for each queued command which element of EXEC is its own.
func tieTransactions(calls []*call) {
	var queued []*call
	for _, now := range calls {
		if len(now.replies) == 0 {
			continue
		}
		switch f := now.replies[0]; {
		case f.kind == resp.Simple && f.head == "QUEUED":
			queued = append(queued, now)
		case strings.EqualFold(now.words[0], "EXEC") && f.kind == resp.Array:
			for i, q := range queued {
				if i < len(f.elems) {
					q.element, q.inExec = i+1, f.elems[i]
				}
			}
			queued = nil
		case !strings.EqualFold(now.words[0], "EXEC") && f.kind == resp.Error && len(queued) > 0:
		default:
			queued = nil
		}
	}
}

// coversTable holds the recording against the command table: what nobody said must be in the list of what cannot be said.
func (v *verdict) coversTable(t *testing.T) {
	t.Helper()
	said := map[string]bool{}
	for _, of := range v.pairs {
		for _, p := range of {
			said[p.name] = true
		}
	}
	for cmd := range commands.Commands() {
		name := cmd.String()
		if why := unsaid[name]; said[name] == (why != "") {
			t.Errorf("%s: said %v, reason for not saying it %q", name, said[name], why)
		}
	}
}
