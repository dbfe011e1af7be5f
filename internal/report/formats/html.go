package formats

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// the template and the style sheet

//go:embed report.html.tmpl
var htmlTemplate string

//go:embed report.css
var htmlStyle string

// page is what the template sees. All its strings are printable; html/template escapes them for their place.
type page struct {
	Title, Word, Sentence string
	Level                 string // class of the verdict
	Policy                string // Content-Security-Policy
	Style                 template.CSS
	Inputs                []field
	Quality               []field
	Findings              []htmlFinding
	More                  int
	Incidents             []htmlIncident
	MoreIncidents         int
	Owed                  []namedPlot
	Open                  *plotFigure
	Latency               []namedPlot
	Suppressed            []string
	Blind                 string
	Tool                  string
}

type field struct{ Label, Text string }

type namedPlot struct {
	Name string
	Plot *plotFigure
}

type htmlFinding struct {
	N                                       int
	Rule, Name, Severity, Confidence, Title string
	Client, Server, Count, Connections      string
	Fields                                  []field
	Examples                                []htmlExample
	Weakened                                bool
	Remedy, Fingerprint                     string
	Page, More                              string
}

type htmlExample struct {
	Head    string
	Facts   []string
	Ladder  *ladderFigure
	Steps   [][]string
	Victims [][]string
	Frames  string
	Command string
}

// writeHTML writes one file that needs no network and no script: a strict policy allows its own style sheet, by hash,
// and nothing else.
func writeHTML(w io.Writer, d *report.Document, o report.Options) error {
	if o.Clock.Start == 0 {
		o.Clock.Start = d.Summary.First
	}
	d = o.Clock.Localize(d)
	t, err := template.New("report").Parse(htmlTemplate)
	if err != nil {
		return err
	}
	buf := bufio.NewWriter(w)
	if err := t.Execute(buf, newPage(d, o)); err != nil {
		return err
	}
	return buf.Flush()
}

func newPage(d *report.Document, o report.Options) *page {
	v := d.Current()
	word, sentence := string(v.Word), v.Sentence
	hash := sha256.Sum256([]byte(htmlStyle))
	p := &page{
		Title: "respsniff: " + word, Word: word, Sentence: sentence, Level: "ok", Style: template.CSS(htmlStyle), Blind: report.BlindSpots,
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'",
		Tool:   strings.TrimSpace("respsniff " + report.Printable(d.Tool.Version)),
	}
	if in := d.Worst(); in != nil {
		p.Level = in.Severity.String()
	}
	for _, x := range v.Doubts {
		p.Quality = append(p.Quality, field{"Undecided", report.Printable(strings.TrimSuffix(x.Why+"; to decide: "+x.Decide, "; to decide: "))})
	}
	t := report.Describer{Document: d, Clock: o.Clock}
	p.Inputs = htmlInputs(d, o.Clock)
	quality, traffic := d.Split()
	if len(quality) == 0 {
		p.Quality = append(p.Quality, field{"Capture", d.Unnamed()})
	}
	for _, f := range quality {
		p.Quality = append(p.Quality, field{report.Printable(f.Rule + " " + f.Name), report.Printable(report.Sentences(append([]string{f.Title}, f.Notes...)))})
	}
	for _, limit := range d.Quality.LimitsReached {
		p.Quality = append(p.Quality, field{"Limit", report.Printable(limit)})
	}
	for _, warning := range d.Warnings {
		p.Quality = append(p.Quality, field{"Warning", report.Printable(warning)})
	}
	shown := traffic[:min(len(traffic), o.Most())]
	p.More = len(traffic) - len(shown)
	paged := map[string]bool{}
	for i, f := range shown {
		h := newHTMLFinding(i+1, f, t)
		if o.Page != nil && !paged[f.Rule] {
			paged[f.Rule] = true
			h.Page = report.PrintableLines(o.Page(f.Rule))
		}
		p.Findings = append(p.Findings, h)
	}
	for i := range d.Incidents[:min(len(d.Incidents), o.Most())] {
		p.Incidents = append(p.Incidents, newHTMLIncident(&d.Incidents[i], t))
	}
	p.MoreIncidents = len(d.Incidents) - len(p.Incidents)
	for _, s := range d.Suppressed {
		p.Suppressed = append(p.Suppressed, report.Printable(fmt.Sprintf("%s %s: %s (%s)", s.Rule, s.Fingerprint, s.Reason, s.Owner)))
	}
	if s := d.Series; s != nil {
		for i := range s.Owed[:min(len(s.Owed), report.MaxFigureLines)] {
			x := &s.Owed[i]
			p.Owed = append(p.Owed, namedPlot{report.Printable(fmt.Sprintf("Connection %d, %s -> %s", x.Conn, x.Client, x.Server)), owedFigure(x, o.Clock)})
		}
		p.Open = openFigure(s.Open[:min(len(s.Open), report.MaxFigureLines)])
		for i := range s.Latency[:min(len(s.Latency), report.MaxFigureLines)] {
			if plot := latencyFigure(&s.Latency[i]); plot != nil {
				p.Latency = append(p.Latency, namedPlot{report.Printable(s.Latency[i].Client), plot})
			}
		}
	}
	return p
}

func htmlInputs(d *report.Document, c report.Clock) []field {
	var fields []field
	for i := range d.Input {
		in := &d.Input[i]
		if i == report.MaxInputs {
			fields = append(fields, field{"", fmt.Sprintf("and %s", report.Count(int64(len(d.Input)-report.MaxInputs), "more file"))})
			break
		}
		text := report.Printable(in.File) + ": " + report.Count(in.Packets, "packet")
		if in.Error != "" {
			text += "; NOT WHOLE: " + report.Printable(in.Error)
		}
		fields = append(fields, field{"Read", text})
	}
	s := &d.Summary
	if s.First != 0 {
		fields = append(fields, field{"Time", strings.TrimSpace(c.Full(s.First, 0) + " " + c.ZoneName(s.First) + ", for " + report.Gap(s.Duration()))})
	}
	return append(fields, field{"Traffic", report.TrafficText(s)})
}

// The page stays below 2 MiB whatever was found: the worst findings are shown with all their examples, later ones with
// few, and each example with a bounded number of facts, packets and victims.
const (
	fullFindings = 5
	fullExamples = 5
	fewExamples  = 2
	maxFacts     = 20
)

// htmlIncident is an incident in printable words.
type htmlIncident struct {
	N                     int
	Verdict, Level, Title string
	Fields                []field
	Remedy                []string
	Place, Command        string
	Rows                  [][]string
}

func newHTMLIncident(in *incident.Incident, t report.Describer) htmlIncident {
	h := htmlIncident{
		N: in.ID, Verdict: string(report.WordOf(in.Class)), Level: in.Severity.String(), Title: report.Printable(in.Title), Remedy: report.Printables(in.Remedy),
		Fields: []field{{"Sure", t.Sure(in)}, {"Who", t.Parties(in)}},
	}
	if since := t.Since(in); since != "" {
		h.Fields = append(h.Fields, field{"Since", since})
	}
	if saw := report.TallyText(in.Damage.Saw); saw != "" {
		h.Fields = append(h.Fields, field{"Calls saw", saw})
	}
	for i := range in.Steps {
		s := &in.Steps[i]
		h.Fields = append(h.Fields, field{strings.TrimSuffix(roleLabel(s.Role), ":"), report.Printable(s.Rule + " " + s.Name + ": " + s.What)})
	}
	if s := &in.Story; len(s.Rows) > 0 {
		h.Place = report.StoryPlace(in)
		if filter := incident.DisplayFilter(s.Client, s.Server); filter != "" {
			h.Command = report.TsharkLine(s.File, filter)
		}
	}
	var before capture.Time
	for i := range in.Story.Rows {
		r := &in.Story.Rows[i]
		row := []string{"", "", report.RowText(r), "", ""}
		if r.Time != 0 {
			row[0] = t.Clock.Short(r.Time, before)
			before = r.Time
		}
		if r.Frame > 0 {
			row[1] = report.Itoa(r.Frame)
		}
		if r.Misread() {
			row[3], row[4] = report.MeantText(r), report.GotText(r)
		}
		h.Rows = append(h.Rows, row)
	}
	return h
}

func newHTMLFinding(n int, f *incident.Finding, t report.Describer) htmlFinding {
	h := htmlFinding{
		N: n, Rule: report.Printable(f.Rule), Name: report.Printable(f.Name), Severity: f.Severity.String(), Confidence: report.OrDash(f.Confidence.String()),
		Title: report.Printable(f.Title), Client: report.OrDash(report.AddrText(f.Client)), Server: report.OrDash(report.AddrPortText(f.Server)), Count: report.Group(int64(f.Count)),
		Connections: report.Group(int64(f.Connections)), Weakened: f.Weakened, Remedy: report.Printable(f.Remedy), Fingerprint: report.Printable(f.Fingerprint),
	}
	for _, x := range []field{{"Who", t.Who(f)}, {"When", t.When(f)}, {"Calls saw", report.TallyText(f.Victims)}, {"Commands", report.TallyText(f.Commands)}} {
		if x.Text != "" {
			h.Fields = append(h.Fields, x)
		}
	}
	for _, note := range f.Notes {
		h.Fields = append(h.Fields, field{"Judged", report.Printable(note)})
	}
	most := fullExamples
	if n > fullFindings {
		most = fewExamples
	}
	for i := range f.Examples[:min(len(f.Examples), most)] {
		h.Examples = append(h.Examples, newHTMLExample(i+1, &f.Examples[i], t.Clock))
	}
	if left := len(f.Examples) - len(h.Examples); left > 0 {
		h.More = report.Count(int64(left), "more example") + " in the JSON report"
	}
	return h
}

func newHTMLExample(n int, e *incident.Example, c report.Clock) htmlExample {
	h := htmlExample{
		Head:  fmt.Sprintf("Example %d: %s", n, report.ExamplePlace(e)),
		Facts: report.Printables(e.Facts[:min(len(e.Facts), maxFacts)]), Ladder: newLadder(e, c), Frames: report.FramesText(e.Frames) + " of " + report.OrDash(report.Printable(e.File)),
	}
	if e.Filter != "" {
		h.Command = report.TsharkLine(e.File, e.Filter)
	}
	var before capture.Time
	for i := range report.ShownSteps(e) {
		s := &e.Ladder[i]
		who, ack := "server", "-"
		if s.FromClient {
			who = "client"
		}
		if s.Ack >= 0 {
			ack = report.Itoa(s.Ack)
		}
		h.Steps = append(h.Steps, []string{report.Itoa(s.Frame), c.Short(s.Time, before), who, report.Itoa(s.Seq), ack, report.Itoa(int64(s.Length)), report.Printable(s.What), report.Printable(s.Mark)})
		before = s.Time
	}
	for i := range e.Victims {
		if i == report.MaxVictims {
			h.Victims = append(h.Victims, []string{fmt.Sprintf("and %d more", len(e.Victims)-i), "", "", ""})
			break
		}
		v := &e.Victims[i]
		got := report.ReplyText(v.Believes, v.Got)
		if v.Saw != "" {
			got += " [" + report.Printable(v.Saw) + "]"
		}
		h.Victims = append(h.Victims, []string{fmt.Sprintf("#%d %s", v.Index, strings.TrimSpace(report.Printable(v.Command+" "+v.Key))),
			report.ReplyText(v.Serves, v.Meant), got, v.Confidence.String()})
	}
	return h
}
