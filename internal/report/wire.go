package report

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
)

// The wire types are the JSON forms, field by field as schema.json states them. All their strings are printable.

type documentWire struct {
	Type          string `json:"type,omitempty"` // "summary" in NDJSON, where findings stand on lines of their own
	SchemaVersion int    `json:"schema_version"`
	Tool          *Tool  `json:"tool,omitempty"`
	Label
	Complete   bool            `json:"complete"`
	Input      []inputWire     `json:"input"`
	Quality    Quality         `json:"quality"`
	Summary    summaryWire     `json:"summary"`
	Verdict    *verdictWire    `json:"verdict,omitempty"`
	Checked    *checkedWire    `json:"expectation,omitempty"`
	Doubts     []Doubt         `json:"doubts,omitempty"`
	Incidents  *[]incidentWire `json:"incidents,omitempty"`
	Findings   *[]findingWire  `json:"findings,omitempty"`
	Suppressed []Suppressed    `json:"suppressed,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"`
	Series     *Series         `json:"series,omitempty"`
}

type inputWire struct {
	File        string   `json:"file"`
	Format      string   `json:"format,omitempty"`
	Packets     int64    `json:"packets"`
	Bytes       int64    `json:"bytes"`
	LinkTypes   []string `json:"link_types,omitempty"`
	Snaplen     int      `json:"snaplen,omitempty"`
	First       *Stamp   `json:"first,omitempty"`
	Last        *Stamp   `json:"last,omitempty"`
	KernelDrops int64    `json:"kernel_drops,omitempty"`
	Cut         bool     `json:"cut,omitempty"`
	Error       string   `json:"error,omitempty"`
	Notes       []string `json:"notes,omitempty"`
}

type summaryWire struct {
	Packets     int64          `json:"packets"`
	Connections int64          `json:"connections"`
	Redis       int64          `json:"redis_connections"`
	Commands    int64          `json:"commands"`
	Replies     int64          `json:"replies"`
	Clients     int64          `json:"clients"`
	Servers     int64          `json:"servers"`
	First       *Stamp         `json:"first,omitempty"`
	Last        *Stamp         `json:"last,omitempty"`
	Seconds     float64        `json:"seconds"`
	Suppressed  int64          `json:"unsaid"`
	Unmatched   bool           `json:"unmatched,omitempty"`
	Filtered    *Filtered      `json:"filtered,omitempty"`
	Findings    map[string]int `json:"findings"` // by severity
	ClientList  []string       `json:"client_list,omitempty"`
	ServerList  []string       `json:"server_list,omitempty"`
}

type findingWire struct {
	Type string `json:"type"`
	Label
	Rule        string  `json:"rule"`
	Name        string  `json:"name"`
	Severity    string  `json:"severity"`
	Confidence  string  `json:"confidence"`
	Number      float64 `json:"confidence_number"`
	Title       string  `json:"title"`
	Fingerprint string  `json:"fingerprint"`
	partWire
	endsWire
	Subject string `json:"subject,omitempty"`
	Library string `json:"library,omitempty"`
	Policy  string `json:"policy,omitempty"`
	spanWire
	Count       int           `json:"count"`
	Connections int           `json:"connections"`
	Examples    []exampleWire `json:"examples"`
	damageWire
	Notes    []string `json:"notes,omitempty"`
	Weakened bool     `json:"weakened,omitempty"`
	Causes   []string `json:"causes,omitempty"`
	More     int      `json:"more,omitempty"`
	Remedy   string   `json:"remedy"`
	*newsWire
}

type endsWire struct {
	Client     string `json:"client,omitempty"`
	ClientName string `json:"client_name,omitempty"`
	Server     string `json:"server,omitempty"`
	ServerName string `json:"server_name,omitempty"`
}

type partWire struct {
	Incident int     `json:"incident"`
	Timeout  float64 `json:"read_timeout_ms,omitempty"`
}

type damageWire struct {
	VictimsBy  []tallyWire `json:"victims_by,omitempty"`
	CommandsBy []tallyWire `json:"commands_by,omitempty"`
}

type spanWire struct {
	First *Stamp `json:"first,omitempty"`
	Last  *Stamp `json:"last,omitempty"`
}

type tallyWire struct {
	Label string `json:"label"`
	Count int    `json:"count"`
}

type exampleWire struct {
	Conn       int64        `json:"conn"`
	Client     string       `json:"client,omitempty"`
	Server     string       `json:"server,omitempty"`
	File       string       `json:"file"`
	Time       *Stamp       `json:"time,omitempty"`
	Frames     []int64      `json:"frames"`
	Facts      []string     `json:"facts"`
	Filter     string       `json:"filter"`
	Confidence string       `json:"confidence,omitempty"`
	Victims    []victimWire `json:"victims"`
	Ladder     []stepWire   `json:"ladder,omitempty"`
}

// victimWire gives null for "no reply seen" and "the caller got none".
type victimWire struct {
	Index      int    `json:"index"`
	Command    string `json:"command"`
	Key        string `json:"key,omitempty"`
	Serves     *int   `json:"serves"`
	Believes   *int   `json:"believes"`
	Confidence string `json:"confidence"`
	Frame      int64  `json:"frame,omitempty"`
	Time       *Stamp `json:"time,omitempty"`
	Meant      string `json:"meant,omitempty"`
	Got        string `json:"got,omitempty"`
	Saw        string `json:"saw,omitempty"`
}

type stepWire struct {
	Frame      int64  `json:"frame"`
	Time       *Stamp `json:"time,omitempty"`
	FromClient bool   `json:"from_client"`
	Seq        int64  `json:"seq"`
	Ack        *int64 `json:"ack"`
	Length     int    `json:"length"`
	What       string `json:"what"`
	Mark       string `json:"mark,omitempty"`
}

func (d *Document) wire() documentWire {
	w := documentWire{
		SchemaVersion: SchemaVersion, Complete: d.Complete, Quality: d.Quality,
		Warnings: Printables(d.Warnings), Input: []inputWire{}, Label: d.Label.printable(),
	}
	if d.Tool.Name != "" {
		w.Tool = &Tool{Name: Printable(d.Tool.Name), Version: Printable(d.Tool.Version)}
	}
	for _, x := range d.Suppressed {
		w.Suppressed = append(w.Suppressed, Suppressed{Printable(x.Rule), Printable(x.Fingerprint), Printable(x.Reason), Printable(x.Owner), Printable(x.Until)})
	}
	w.Verdict, w.Checked = wireVerdict(d.Current()), wireChecked(d.Checked)
	for _, x := range d.Doubts {
		w.Doubts = append(w.Doubts, Doubt{Printable(x.Why), Printable(x.Decide)})
	}
	w.Series = d.Series.printable()
	w.Quality.LimitsReached = orEmpty(Printables(d.Quality.LimitsReached))
	w.Quality.Bounds, w.Quality.Unread = nil, nil
	for _, u := range d.Quality.Unread {
		w.Quality.Unread = append(w.Quality.Unread, Unread{Printable(u.What), u.Packets})
	}
	for _, b := range d.Quality.Bounds {
		b.Name, b.Hides, b.Loses = Printable(b.Name), Printable(b.Hides), Printable(b.Loses)
		w.Quality.Bounds = append(w.Quality.Bounds, b)
	}
	for i := range d.Input {
		in := &d.Input[i]
		w.Input = append(w.Input, inputWire{
			File: Printable(in.File), Format: Printable(in.Format), Packets: in.Packets, Bytes: in.Bytes,
			LinkTypes: Printables(in.LinkTypes), Snaplen: in.Snaplen, First: stamp(in.First), Last: stamp(in.Last),
			KernelDrops: in.KernelDrops, Cut: in.Cut, Error: Printable(in.Error), Notes: Printables(in.Notes),
		})
	}
	s := &d.Summary
	w.Summary = summaryWire{
		Packets: s.Packets, Connections: s.Connections, Redis: s.Redis, Commands: s.Commands, Replies: s.Replies,
		Clients: s.Clients, Servers: s.Servers, First: stamp(s.First), Last: stamp(s.Last),
		Seconds: s.Duration().Seconds(), Suppressed: s.Suppressed, Unmatched: s.Unmatched, Filtered: s.Filtered.printable(), Findings: map[string]int{},
	}
	for _, c := range s.Parties.Clients {
		w.Summary.ClientList = append(w.Summary.ClientList, AddrText(c))
	}
	w.Summary.ServerList = serverTexts(s.Parties.Servers)
	for sev := incident.Info; sev <= incident.Critical; sev++ {
		w.Summary.Findings[sev.String()] = 0
	}
	for i := range d.Findings {
		w.Summary.Findings[d.Findings[i].Severity.String()]++
	}
	return w
}

func wireFinding(f *incident.Finding) findingWire {
	w := findingWire{
		Type: "finding", Rule: Printable(f.Rule), Name: Printable(f.Name), Severity: f.Severity.String(),
		Confidence: f.Confidence.String(), Number: f.Confidence.Number(), Title: Printable(f.Title),
		Fingerprint: Printable(f.Fingerprint),
		endsWire:    endsWire{AddrText(f.Client), Printable(f.ClientName), AddrPortText(f.Server), Printable(f.ServerName)},
		Subject:     Printable(f.Subject), More: f.More, partWire: partWire{f.Incident, float64(f.Timeout) / float64(time.Millisecond)},
		Library: Printable(f.Library), Policy: Printable(f.Policy), spanWire: spanWire{stamp(f.First), stamp(f.Last)},
		Count: f.Count, Connections: f.Connections, Notes: Printables(f.Notes), Weakened: f.Weakened,
		Causes: Printables(f.Causes), Remedy: Printable(f.Remedy),
		damageWire: damageWire{wireTallies(f.Victims), wireTallies(f.Commands)}, Examples: []exampleWire{},
	}
	for i := range f.Examples {
		w.Examples = append(w.Examples, wireExample(&f.Examples[i]))
	}
	w.newsWire = wireNews(f.Early)
	return w
}

func wireExample(e *incident.Example) exampleWire {
	w := exampleWire{
		Conn: e.Conn, Client: AddrPortText(e.Client), Server: AddrPortText(e.Server), File: Printable(e.File),
		Time: stamp(e.Time), Frames: orEmpty(e.Frames), Facts: orEmpty(Printables(e.Facts)), Filter: Printable(e.Filter),
		Confidence: e.Confidence.String(), Victims: []victimWire{},
	}
	for i := range e.Victims {
		v := &e.Victims[i]
		w.Victims = append(w.Victims, victimWire{
			Index: v.Index, Command: Printable(v.Command), Key: Printable(v.Key), Serves: index(v.Serves),
			Believes: index(v.Believes), Confidence: v.Confidence.String(), Frame: v.Frame, Time: stamp(v.Time),
			Meant: Printable(v.Meant), Got: Printable(v.Got), Saw: Printable(v.Saw),
		})
	}
	for i := range e.Ladder {
		s := &e.Ladder[i]
		step := stepWire{
			Frame: s.Frame, Time: stamp(s.Time), FromClient: s.FromClient, Seq: s.Seq, Length: s.Length,
			What: Printable(s.What), Mark: Printable(s.Mark),
		}
		if s.Ack >= 0 {
			step.Ack = &s.Ack
		}
		w.Ladder = append(w.Ladder, step)
	}
	return w
}

func wireTallies(ts []incident.Tally) []tallyWire {
	var w []tallyWire
	for _, t := range ts {
		w = append(w, tallyWire{Printable(t.Label), t.Count})
	}
	return w
}

// MarshalJSON gives one document with its findings.
func (d *Document) MarshalJSON() ([]byte, error) {
	w := d.wire()
	fs := make([]findingWire, 0, len(d.Findings))
	for i := range d.Findings {
		fs = append(fs, wireFinding(&d.Findings[i]))
	}
	w.Findings = &fs
	ins := make([]incidentWire, 0, len(d.Incidents))
	for i := range d.Incidents {
		ins = append(ins, wireIncident(&d.Incidents[i]))
	}
	w.Incidents = &ins
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote. Unknown fields are ignored.
func (d *Document) UnmarshalJSON(text []byte) error {
	var w documentWire
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	got, err := w.document()
	if err != nil {
		return err
	}
	*d = *got
	return nil
}

// FindingJSON writes a finding in its JSON form.
type FindingJSON struct {
	*incident.Finding
	Label Label
}

// MarshalJSON gives the form of the schema's "finding".
func (f FindingJSON) MarshalJSON() ([]byte, error) {
	w := wireFinding(f.Finding)
	w.Label = f.Label.printable()
	return json.Marshal(w)
}

func (l Label) printable() Label { return Label{Printable(l.Run), Printable(l.Host)} }

func stamp(t capture.Time) *Stamp {
	if t == 0 {
		return nil
	}
	s := Stamp(t)
	return &s
}

func index(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func Printables(ss []string) []string {
	if ss == nil {
		return nil
	}
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = Printable(s)
	}
	return out
}

// printableLines is Printable for a text of several lines.
func PrintableLines(s string) string {
	return strings.Join(Printables(strings.Split(strings.ReplaceAll(s, "\t", "    "), "\n")), "\n")
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
