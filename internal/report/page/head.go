package page

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// head is what the page says in words: the verdict, the incidents, the findings, and what the capture hides. All its
// strings are printable, and they are those of the text report.
type head struct {
	Title         string         `json:"title"`
	Filtered      string         `json:"filtered"` // what filters left out; stands above the verdict
	Word          string         `json:"word"`
	Sentence      string         `json:"sentence"`
	Doubts        []string       `json:"doubts"` // of a verdict that is UNDECIDED; of others they are among Facts
	Level         string         `json:"level"`  // how the word is painted: a severity, or "ok"
	Facts         []field        `json:"facts"`  // what was read, and how much of the truth it holds
	Incidents     []incidentJSON `json:"incidents"`
	MoreIncidents int            `json:"more_incidents"`
	Findings      []findingJSON  `json:"findings"`
	More          int            `json:"more"`
	Suppressed    []string       `json:"suppressed"`
	Blind         string         `json:"blind"`
	Tool          string         `json:"tool"`
}

type field struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// incidentJSON is an incident in words, with the numbers that place it in the pictures.
type incidentJSON struct {
	ID      int       `json:"id"`
	Verdict string    `json:"verdict"`
	Level   string    `json:"level"`
	Title   string    `json:"title"`
	First   int64     `json:"first"` // -1: not known
	Last    int64     `json:"last"`
	Fields  []field   `json:"fields"`
	Remedy  []string  `json:"remedy"`
	Conn    int64     `json:"conn"` // of the story; 0: none
	Place   string    `json:"place"`
	Command string    `json:"command"` // tshark line
	Rows    []rowJSON `json:"rows"`
	Others  []rowJSON `json:"others"` // further connections
}

// rowJSON is a moment of an incident.
type rowJSON struct {
	Conn  int64  `json:"conn"`
	Index int    `json:"index"` // of the command; 0: of none
	Time  string `json:"time"`
	Frame int64  `json:"frame"`
	What  string `json:"what"`
	Meant string `json:"meant"`
	Got   string `json:"got"`
}

type findingJSON struct {
	N           int           `json:"n"`
	Incident    int           `json:"incident"`
	Rule        string        `json:"rule"`
	Name        string        `json:"name"`
	Severity    string        `json:"severity"`
	Confidence  string        `json:"confidence"`
	Title       string        `json:"title"`
	Fields      []field       `json:"fields"`
	Examples    []exampleJSON `json:"examples"`
	Weakened    bool          `json:"weakened"`
	Remedy      string        `json:"remedy"`
	Fingerprint string        `json:"fingerprint"`
	Page        string        `json:"page"` // what the rule means; in its first finding only
	More        string        `json:"more"`
}

type exampleJSON struct {
	Head    string     `json:"head"`
	Conn    int64      `json:"conn"`
	Facts   []string   `json:"facts"`
	Steps   [][]string `json:"steps"` // packets: frame, time, who, sequence number, ACK, length, what, note
	Victims [][]string `json:"victims"`
	Frames  string     `json:"frames"`
	Command string     `json:"command"`
}

func newHead(d *report.Document, o report.Options, t *Trace) *head {
	v := d.Current()
	p := &head{
		Title: "respsniff: " + string(v.Word), Word: string(v.Word), Sentence: v.Sentence, Level: "ok", Blind: report.BlindSpots,
		Tool:  strings.TrimSpace("respsniff " + report.Printable(d.Tool.Version)),
		Facts: facts(d, o.Clock, v), Doubts: []string{}, Suppressed: []string{}, Incidents: []incidentJSON{}, Findings: []findingJSON{},
	}
	if x := d.Summary.Filtered; x != nil {
		p.Filtered = report.Printable(x.String())
	}
	if v.Word == report.WordUndecided {
		p.Doubts = doubts(v)
	}
	switch in := d.Worst(); {
	case v.Word == report.WordClean || v.Word == report.WordKnown:
	case in != nil && report.WordOf(in.Class) == v.Word:
		p.Level = in.Severity.String()
	default:
		p.Level = "medium" // there is something to do before anything is known
	}
	words := report.Describer{Document: d, Clock: o.Clock}
	_, traffic := d.Split()
	shown := traffic[:min(len(traffic), o.Most())]
	p.More = len(traffic) - len(shown)
	paged := map[string]bool{}
	for i, f := range shown {
		x := newFinding(i+1, f, words)
		if o.Page != nil && !paged[f.Rule] {
			paged[f.Rule] = true
			x.Page = report.PrintableLines(o.Page(f.Rule))
		}
		p.Findings = append(p.Findings, x)
	}
	for i := range d.Incidents[:min(len(d.Incidents), o.Most())] {
		in := &d.Incidents[i]
		x := newIncident(in, words)
		if t != nil {
			x.First, x.Last = t.moment(in.First), t.moment(in.Last)
		}
		p.Incidents = append(p.Incidents, x)
	}
	p.MoreIncidents = len(d.Incidents) - len(p.Incidents)
	for _, s := range d.Suppressed {
		p.Suppressed = append(p.Suppressed, report.Printable(fmt.Sprintf("%s %s: %s (%s)", s.Rule, s.Fingerprint, s.Reason, s.Owner)))
	}
	return p
}

func doubts(v *report.Verdict) []string {
	all := []string{}
	for _, x := range v.Doubts {
		all = append(all, report.Printable(strings.TrimSuffix(x.Why+"; to decide: "+x.Decide, "; to decide: ")))
	}
	return all
}

// facts says what was read, and what the capture hides.
func facts(d *report.Document, c report.Clock, v *report.Verdict) []field {
	var all []field
	if v.Word != report.WordUndecided {
		for _, x := range doubts(v) {
			all = append(all, field{"Undecided", x})
		}
	}
	quality, _ := d.Split()
	if len(quality) == 0 {
		all = append(all, field{"Capture", d.Unnamed()})
	}
	for _, f := range quality {
		all = append(all, field{report.Printable(f.Rule + " " + f.Name), report.Printable(report.Sentences(append([]string{f.Title}, f.Notes...)))})
	}
	for _, limit := range d.Quality.LimitsReached {
		all = append(all, field{"Limit", report.Printable(limit)})
	}
	for _, warning := range d.Warnings {
		all = append(all, field{"Warning", report.Printable(warning)})
	}
	for i := range d.Input {
		in := &d.Input[i]
		if i == report.MaxInputs {
			all = append(all, field{"", fmt.Sprintf("and %s", report.Count(int64(len(d.Input)-report.MaxInputs), "more file"))})
			break
		}
		text := report.Printable(in.File) + ": " + report.Count(in.Packets, "packet")
		if in.Error != "" {
			text += "; NOT WHOLE: " + report.Printable(in.Error)
		}
		all = append(all, field{"Read", text})
	}
	s := &d.Summary
	if s.First != 0 {
		all = append(all, field{"Time", strings.TrimSpace(c.Full(s.First, 0) + " " + c.ZoneName(s.First) + ", for " + report.Gap(s.Duration()))})
	}
	return append(all, field{"Traffic", report.TrafficText(s)})
}

// The worst findings are shown with all their examples, later ones with few, and each example with a bounded number of
// facts, packets and victims: the words of a page stay below 2 MiB whatever was found.
const (
	fullFindings = 5
	fullExamples = 5
	fewExamples  = 2
	maxFacts     = 20
)

func newIncident(in *incident.Incident, t report.Describer) incidentJSON {
	x := incidentJSON{
		ID: in.ID, Verdict: string(report.WordOf(in.Class)), Level: in.Severity.String(), Title: report.Printable(in.Title), Remedy: append([]string{}, report.Printables(in.Remedy)...),
		First: -1, Last: -1, Conn: in.Story.Conn, Rows: []rowJSON{}, Others: []rowJSON{},
		Fields: []field{},
	}
	screen := t.Screen(in)
	for _, f := range []field{
		{"Hurt", screen.Hurt}, {"Who", t.Parties(in)}, {"Since", t.Since(in)}, {"Why", screen.Why}, {"Sure", t.Sure(in)}, {"Also", screen.Also}, {"Harmless", screen.Harmless},
	} {
		if f.Text != "" {
			x.Fields = append(x.Fields, f)
		}
	}
	if s := &in.Story; len(s.Rows) > 0 {
		x.Place = report.StoryPlace(in)
		if filter := incident.DisplayFilter(s.Client, s.Server); filter != "" {
			x.Command = report.TsharkLine(s.File, filter)
		}
	}
	var before capture.Time
	for i := range in.Story.Rows {
		r := &in.Story.Rows[i]
		row := rowJSON{Conn: in.Story.Conn, Index: r.Index, Frame: r.Frame, What: report.RowText(r)}
		if r.Time != 0 {
			row.Time = t.Clock.Short(r.Time, before)
			before = r.Time
		}
		if r.Misread() {
			row.Meant, row.Got = report.MeantText(r), report.GotText(r)
		}
		x.Rows = append(x.Rows, row)
	}
	for i := range in.Others[:min(len(in.Others), maxOthers)] {
		r := &in.Others[i]
		x.Others = append(x.Others, rowJSON{Conn: r.Conn, Time: t.Clock.Short(r.Time, 0), Frame: r.Frame, What: report.Printable(r.What)})
	}
	return x
}

// maxOthers is how many further connections of an incident are named; the table of connections has all.
const maxOthers = 32

func newFinding(n int, f *incident.Finding, t report.Describer) findingJSON {
	x := findingJSON{
		N: n, Incident: f.Incident, Rule: report.Printable(f.Rule), Name: report.Printable(f.Name), Severity: f.Severity.String(), Confidence: report.OrDash(f.Confidence.String()),
		Title: report.Printable(f.Title), Weakened: f.Weakened, Remedy: report.Printable(f.Remedy), Fingerprint: report.Printable(f.Fingerprint),
		Fields: []field{}, Examples: []exampleJSON{},
	}
	for _, y := range []field{{"Who", t.Who(f)}, {"When", t.When(f)}, {"Calls saw", report.TallyText(f.Victims)}, {"Commands", report.TallyText(f.Commands)}} {
		if y.Text != "" {
			x.Fields = append(x.Fields, y)
		}
	}
	for _, note := range f.Notes {
		x.Fields = append(x.Fields, field{"Judged", report.Printable(note)})
	}
	most := fullExamples
	if n > fullFindings {
		most = fewExamples
	}
	for i := range f.Examples[:min(len(f.Examples), most)] {
		x.Examples = append(x.Examples, newExample(i+1, &f.Examples[i], t.Clock))
	}
	if left := len(f.Examples) - len(x.Examples); left > 0 {
		x.More = report.Count(int64(left), "more example") + " in the JSON report"
	}
	return x
}

func newExample(n int, e *incident.Example, c report.Clock) exampleJSON {
	x := exampleJSON{
		Head: fmt.Sprintf("Example %d: %s", n, report.ExamplePlace(e)), Conn: e.Conn,
		Facts:  append([]string{}, report.Printables(e.Facts[:min(len(e.Facts), maxFacts)])...),
		Frames: report.FramesText(e.Frames) + " of " + report.OrDash(report.Printable(e.File)), Steps: [][]string{}, Victims: [][]string{},
	}
	if e.Filter != "" {
		x.Command = report.TsharkLine(e.File, e.Filter)
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
		x.Steps = append(x.Steps, []string{report.Itoa(s.Frame), c.Short(s.Time, before), who, report.Itoa(s.Seq), ack, report.Itoa(int64(s.Length)), report.Printable(s.What), report.Printable(s.Mark)})
		before = s.Time
	}
	for i := range e.Victims {
		if i == report.MaxVictims {
			x.Victims = append(x.Victims, []string{fmt.Sprintf("and %d more", len(e.Victims)-i), "", "", ""})
			break
		}
		v := &e.Victims[i]
		got := report.ReplyText(v.Believes, v.Got)
		if v.Saw != "" {
			got += " [" + report.Printable(v.Saw) + "]"
		}
		x.Victims = append(x.Victims, []string{fmt.Sprintf("#%d %s", v.Index, strings.TrimSpace(report.Printable(v.Command+" "+v.Key))),
			report.ReplyText(v.Serves, v.Meant), got, v.Confidence.String()})
	}
	return x
}
