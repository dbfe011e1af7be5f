package report

import (
	"bufio"
	"crypto/sha256"

	"github.com/respsniff/respsniff/analysis/incident"

	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/respsniff/respsniff/capture"
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
	Stories               []toldStory
	MoreStories           int
	Chain                 *chainFigure
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

// WriteHTML writes one file that needs no network and no script: a strict policy allows its own style sheet, by hash,
// and nothing else.
func WriteHTML(w io.Writer, d *Document, o Options) error {
	if o.Clock.Start == 0 {
		o.Clock.Start = d.Summary.First
	}
	d = o.Clock.document(d)
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

func newPage(d *Document, o Options) *page {
	word, sentence := Verdict(d)
	hash := sha256.Sum256([]byte(htmlStyle))
	p := &page{
		Title: "respsniff: " + word, Word: word, Sentence: sentence, Level: "ok", Style: template.CSS(htmlStyle), Blind: blindSpots,
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'",
		Tool:   strings.TrimSpace("respsniff " + Printable(d.Tool.Version)),
	}
	if worst, found := d.Worst(); found {
		p.Level = worst.String()
	}
	t := &textWriter{d: d, o: o}
	p.Inputs = htmlInputs(d, o.Clock)
	quality, traffic := d.split()
	if len(quality) == 0 {
		p.Quality = append(p.Quality, field{"Capture", d.unnamed()})
	}
	for _, f := range quality {
		p.Quality = append(p.Quality, field{Printable(f.Rule + " " + f.Name), Printable(sentences(append([]string{f.Title}, f.Notes...)))})
	}
	for _, limit := range d.Quality.LimitsReached {
		p.Quality = append(p.Quality, field{"Limit", Printable(limit)})
	}
	for _, warning := range d.Warnings {
		p.Quality = append(p.Quality, field{"Warning", Printable(warning)})
	}
	shown := traffic[:min(len(traffic), o.maxFindings())]
	p.More = len(traffic) - len(shown)
	paged := map[string]bool{}
	for i, f := range shown {
		h := newHTMLFinding(i+1, f, t)
		if o.Page != nil && !paged[f.Rule] {
			paged[f.Rule] = true
			h.Page = printableLines(o.Page(f.Rule))
		}
		p.Findings = append(p.Findings, h)
	}
	p.Stories, p.MoreStories = tellStories(d.Incidents, o.Clock)
	p.Chain = newChain(Chain(shown), o.Clock)
	for _, s := range d.Suppressed {
		p.Suppressed = append(p.Suppressed, Printable(fmt.Sprintf("%s %s: %s (%s)", s.Rule, s.Fingerprint, s.Reason, s.Owner)))
	}
	if s := d.Series; s != nil {
		for i := range s.Owed[:min(len(s.Owed), maxFigureLines)] {
			x := &s.Owed[i]
			p.Owed = append(p.Owed, namedPlot{Printable(fmt.Sprintf("Connection %d, %s -> %s", x.Conn, x.Client, x.Server)), owedFigure(x, o.Clock)})
		}
		p.Open = openFigure(s.Open[:min(len(s.Open), maxFigureLines)])
		for i := range s.Latency[:min(len(s.Latency), maxFigureLines)] {
			if plot := latencyFigure(&s.Latency[i]); plot != nil {
				p.Latency = append(p.Latency, namedPlot{Printable(s.Latency[i].Client), plot})
			}
		}
	}
	return p
}

func htmlInputs(d *Document, c Clock) []field {
	var fields []field
	for i := range d.Input {
		in := &d.Input[i]
		if i == maxInputs {
			fields = append(fields, field{"", fmt.Sprintf("and %s", count(int64(len(d.Input)-maxInputs), "more file"))})
			break
		}
		text := Printable(in.File) + ": " + count(in.Packets, "packet")
		if in.Error != "" {
			text += "; NOT WHOLE: " + Printable(in.Error)
		}
		fields = append(fields, field{"Read", text})
	}
	s := &d.Summary
	if s.First != 0 {
		fields = append(fields, field{"Time", strings.TrimSpace(c.Full(s.First, 0) + " " + c.ZoneName(s.First) + ", for " + Gap(s.Duration()))})
	}
	return append(fields, field{"Traffic", trafficText(s)})
}

// The page stays below 2 MiB whatever was found: the worst findings are shown with all their examples, later ones with
// few, and each example with a bounded number of facts, packets and victims.
const (
	fullFindings = 5
	fullExamples = 5
	fewExamples  = 2
	maxFacts     = 20
)

func newHTMLFinding(n int, f *incident.Finding, t *textWriter) htmlFinding {
	h := htmlFinding{
		N: n, Rule: Printable(f.Rule), Name: Printable(f.Name), Severity: f.Severity.String(), Confidence: orDash(f.Confidence.String()),
		Title: Printable(f.Title), Client: orDash(addrText(f.Client)), Server: orDash(addrPortText(f.Server)), Count: group(int64(f.Count)),
		Connections: group(int64(f.Connections)), Weakened: f.Weakened, Remedy: Printable(f.Remedy), Fingerprint: Printable(f.Fingerprint),
	}
	for _, x := range []field{{"Who", t.who(f)}, {"When", t.when(f)}, {"Callers saw", tallyText(f.Victims)}, {"Commands", tallyText(f.Commands)}} {
		if x.Text != "" {
			h.Fields = append(h.Fields, x)
		}
	}
	for _, note := range f.Notes {
		h.Fields = append(h.Fields, field{"Judged", Printable(note)})
	}
	most := fullExamples
	if n > fullFindings {
		most = fewExamples
	}
	for i := range f.Examples[:min(len(f.Examples), most)] {
		h.Examples = append(h.Examples, newHTMLExample(i+1, &f.Examples[i], t.o.Clock))
	}
	if left := len(f.Examples) - len(h.Examples); left > 0 {
		h.More = count(int64(left), "more example") + " in the JSON report"
	}
	return h
}

func newHTMLExample(n int, e *incident.Example, c Clock) htmlExample {
	h := htmlExample{
		Head:  fmt.Sprintf("Example %d: %s", n, examplePlace(e)),
		Facts: printables(e.Facts[:min(len(e.Facts), maxFacts)]), Ladder: newLadder(e, c), Frames: framesText(e.Frames) + " of " + orDash(Printable(e.File)),
	}
	if e.Filter != "" {
		h.Command = TsharkLine(e.File, e.Filter)
	}
	var before capture.Time
	for i := range shownSteps(e) {
		s := &e.Ladder[i]
		who, ack := "server", "-"
		if s.FromClient {
			who = "client"
		}
		if s.Ack >= 0 {
			ack = itoa(s.Ack)
		}
		h.Steps = append(h.Steps, []string{itoa(s.Frame), c.Short(s.Time, before), who, itoa(s.Seq), ack, itoa(int64(s.Length)), Printable(s.What), Printable(s.Mark)})
		before = s.Time
	}
	for i := range e.Victims {
		if i == maxVictims {
			h.Victims = append(h.Victims, []string{fmt.Sprintf("and %d more", len(e.Victims)-i), "", "", ""})
			break
		}
		v := &e.Victims[i]
		got := replyText(v.Believes, v.Got)
		if v.Saw != "" {
			got += " [" + Printable(v.Saw) + "]"
		}
		h.Victims = append(h.Victims, []string{fmt.Sprintf("#%d %s", v.Index, strings.TrimSpace(Printable(v.Command+" "+v.Key))),
			replyText(v.Serves, v.Meant), got, v.Confidence.String()})
	}
	return h
}
