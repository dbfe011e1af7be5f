package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// maxEarlyFacts bounds the facts that text shows of an early finding; the report at the end has all.
const maxEarlyFacts = 4

// early tells of a finding while the run goes on.
func (l *run) early(f *incident.Finding) {
	masked, now := *f, *f.Early
	masked.Early = &now
	masked.Examples = slices.Clone(f.Examples)
	if now.Latest != nil { // it is masked as the examples are
		masked.Examples = append(masked.Examples, *now.Latest)
	}
	doc := report.Document{Findings: []incident.Finding{masked}}
	l.o.Mask.Document(&doc)
	told := &doc.Findings[0]
	if n := len(told.Examples) - 1; now.Latest != nil {
		now.Latest, told.Examples = &told.Examples[n], told.Examples[:n:n]
	}
	l.outputs.send(report.NDJSON, func(*output) []byte { return ndjsonFinding(told, l.o.Label) })
	l.outputs.send(report.Text, func(out *output) []byte {
		clock := out.clock(l.pace.began)
		return textFinding(clock, clock.Finding(*told))
	})
}

// textFinding gives the lines that tell of a finding. Facts are given where an act is new: of one that was not told of
// before, or has come back.
func textFinding(clock report.Clock, f incident.Finding) []byte {
	var b bytes.Buffer
	e := f.Early
	ends := addrWord(f.Client.IsValid(), f.Client) + " -> " + addrWord(f.Server.IsValid(), f.Server) + inBrackets(report.Printable(f.Library))
	if e.News == incident.NewsOver {
		fmt.Fprintf(&b, "%s  OVER  %s %s  %s\n    %s\n", moment(clock, e.At), f.Rule, f.Name, ends, overWords(e))
		return b.Bytes()
	}
	fmt.Fprintf(&b, "%s  %s (%s)  %s %s  %s\n    %s%s\n", moment(clock, f.Last), strings.ToUpper(f.Severity.String()),
		f.Confidence, f.Rule, f.Name, ends, newsWords(e), report.Printable(f.Title))
	shown := e.Latest
	if e.News == incident.NewsFirst && len(f.Examples) > 0 {
		shown = &f.Examples[0]
	}
	if shown == nil || e.News != incident.NewsFirst && e.News != incident.NewsAgain {
		return b.Bytes()
	}
	for _, fact := range shown.Facts[:min(len(shown.Facts), maxEarlyFacts)] {
		fmt.Fprintf(&b, "    - %s\n", report.Printable(fact))
	}
	if shown.Filter != "" {
		fmt.Fprintf(&b, "    %s\n", report.Printable(shown.Filter))
	}
	return b.Bytes()
}

// newsWords says why a finding is told of again, before its title.
func newsWords(e *incident.Early) string {
	var words []string
	if e.News == incident.NewsAgain {
		words = append(words, "again after "+span(e.Quiet))
	}
	if e.News != incident.NewsFirst && e.Conns > 0 {
		words = append(words, incident.Counted(e.Conns, "new connection", "new connections"))
	}
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, ", ") + "; in all "
}

// overWords says how a finding came to an end.
func overWords(e *incident.Early) string {
	var words []string
	if e.Closed > 0 {
		words = append(words, incident.Counted(e.Closed, "connection closed", "connections closed"))
	}
	if e.CaughtUp > 0 {
		words = append(words, incident.Counted(e.CaughtUp, "connection caught up", "connections caught up"))
	}
	if len(words) == 0 {
		return "nothing of it for " + span(e.Quiet)
	}
	return "recovered: " + strings.Join(words, ", ")
}

// span gives a time in whole seconds, or minutes where it is long.
func span(d time.Duration) string {
	if d >= 2*time.Minute {
		return fmt.Sprintf("%d min", int64(d.Round(time.Minute)/time.Minute))
	}
	return fmt.Sprintf("%d s", int64(d.Round(time.Second)/time.Second))
}

// moment gives a moment with its zone.
func moment(c report.Clock, t capture.Time) string {
	return strings.TrimSpace(c.Full(t, c.Start) + " " + c.ZoneName(t))
}

func addrWord(valid bool, a fmt.Stringer) string {
	if !valid {
		return "any"
	}
	return a.String()
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// ndjsonFinding gives the line of a finding.
func ndjsonFinding(f *incident.Finding, of report.Label) []byte {
	line, err := json.Marshal(report.FindingJSON{Finding: f, Label: of})
	if err != nil {
		return nil // a finding has nothing that cannot be written
	}
	return append(line, '\n')
}

// figures writes the line of figures.
func (l *run) figures() {
	at := &l.pace
	span := at.now.Sub(at.shown)
	packets := l.input.Packets - at.shownAt
	at.shown, at.shownAt = at.now, l.input.Packets
	if len(l.outputs.growing) == 0 {
		return
	}
	d := l.document()
	l.o.Mask.Document(d)
	open := l.analysis.Summary().Connections - l.ended
	l.outputs.send(report.NDJSON, func(*output) []byte {
		var b bytes.Buffer
		if err := report.WriteNDJSON(&b, d); err != nil {
			return nil
		}
		return bytes.Replace(b.Bytes(), []byte(`{"type":"summary"`), []byte(`{"type":"interval"`), 1)
	})
	l.outputs.send(report.Text, func(out *output) []byte {
		return fmt.Appendf(nil, "%s  %d packets (%.0f/s), %d dropped; %d connections, %d open; %d commands, %d outstanding\n",
			moment(out.clock(at.began), at.now), d.Summary.Packets, float64(packets)/max(span.Seconds(), 1e-3), d.Quality.KernelDrops,
			d.Summary.Connections, open, d.Summary.Commands, l.analysis.Outstanding())
	})
}

// evidenceLine names the file that has the packets of a finding.
type evidenceLine struct {
	Type        string `json:"type"`
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"`
	File        string `json:"file"`
}

// evidence reports that the packets of a finding are in a file. It is called from the goroutine that wrote it.
func (l *run) evidence(file string, f *incident.Finding) {
	l.outputs.send(report.NDJSON, func(*output) []byte {
		line, err := json.Marshal(evidenceLine{"evidence", report.Printable(f.Rule), report.Printable(f.Fingerprint), report.Printable(file)})
		if err != nil {
			return nil
		}
		return append(line, '\n')
	})
	l.outputs.send(report.Text, func(out *output) []byte {
		return fmt.Appendf(nil, "%s  evidence of %s %s: %s\n", moment(out.Options.Clock, capture.TimeOf(time.Now())), f.Rule, f.Name, report.Printable(file))
	})
}

// end writes the whole report and returns it.
func (l *run) end() (*report.Document, error) {
	if l.keeper != nil {
		l.keeper.close()
	}
	d := l.document()
	d.Findings = l.findings
	d.Quality.Weakened = slices.ContainsFunc(d.Findings, func(f incident.Finding) bool { return f.Weakened })
	report.Rank(d.Findings)
	d.Incidents = l.analysis.Incidents(d.Findings)
	l.measure()
	l.o.Mask.Document(d)
	d.Judge(l.o.Gate)
	return d, l.outputs.end(d)
}
