package report

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
)

// incidentWire is an incident in JSON.
type incidentWire struct {
	Type string `json:"type"`
	Label
	ID          int       `json:"id"`
	Fingerprint string    `json:"fingerprint"`
	Verdict     string    `json:"verdict"`
	Rule        string    `json:"rule"`
	Severity    string    `json:"severity"`
	Confidence  string    `json:"confidence"`
	Title       string    `json:"title"`
	Cause       causeWire `json:"cause"`
	Clients     []string  `json:"clients"`
	Servers     []string  `json:"servers"`
	ClientCount int       `json:"client_count"`
	Library     string    `json:"library,omitempty"`
	First       *Stamp    `json:"first,omitempty"`
	Last        *Stamp    `json:"last,omitempty"`
	harmWire
	Steps  []phaseWire   `json:"steps"`
	Place  *placeWire    `json:"place,omitempty"`
	Story  []momentWire  `json:"story"`
	More   int           `json:"more_calls,omitempty"`
	Others []outlineWire `json:"others,omitempty"`
	Remedy []string      `json:"remedy"`
}

// harmWire is what an incident did.
type harmWire struct {
	Since       *Stamp         `json:"since,omitempty"`
	Until       *Stamp         `json:"until,omitempty"`
	Calls       int            `json:"calls"`
	Connections int            `json:"connections"`
	Misread     int            `json:"misread_connections"`
	Open        int            `json:"open_connections"`
	AtLeast     bool           `json:"at_least,omitempty"`
	Saw         map[string]int `json:"saw"`
	Commands    map[string]int `json:"commands"`
}

type causeWire struct {
	What    string   `json:"what"`
	Servers []string `json:"servers,omitempty"`
	First   *Stamp   `json:"first,omitempty"`
	Last    *Stamp   `json:"last,omitempty"`
	Timeout float64  `json:"read_timeout_ms,omitempty"`
}

// phaseWire is one rule's part of an incident.
type phaseWire struct {
	Rule     string   `json:"rule"`
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	Count    int      `json:"count"`
	First    *Stamp   `json:"first,omitempty"`
	Last     *Stamp   `json:"last,omitempty"`
	What     string   `json:"what"`
	Finding  string   `json:"finding"`
	Findings []string `json:"findings"`
}

// placeWire is the connection of a story.
type placeWire struct {
	Conn   int64  `json:"conn,omitempty"`
	Client string `json:"client,omitempty"`
	Server string `json:"server,omitempty"`
	File   string `json:"file,omitempty"`
}

// momentWire is one row of a story. Serves and believes are there where a call got another call's reply.
type momentWire struct {
	Time     *Stamp  `json:"time,omitempty"`
	Frame    int64   `json:"frame,omitempty"`
	Index    int     `json:"index,omitempty"`
	What     string  `json:"what"`
	Note     string  `json:"note,omitempty"`
	Role     string  `json:"role"`
	Serves   *int    `json:"serves,omitempty"`
	Believes *int    `json:"believes,omitempty"`
	Meant    *string `json:"meant,omitempty"`
	Got      *string `json:"got,omitempty"`
}

type outlineWire struct {
	Conn   int64  `json:"conn,omitempty"`
	Client string `json:"client,omitempty"`
	Server string `json:"server,omitempty"`
	Time   *Stamp `json:"time,omitempty"`
	Frame  int64  `json:"frame,omitempty"`
	What   string `json:"what"`
}

func wireIncident(in *incident.Incident) incidentWire {
	d, s := &in.Damage, &in.Story
	w := incidentWire{
		Type: "incident", ID: in.ID, Fingerprint: Printable(in.Fingerprint), Verdict: in.Class.String(), Rule: Printable(in.Rule), Severity: in.Severity.String(),
		Confidence: in.Confidence.String(), Title: Printable(in.Title), Library: Printable(in.Library), First: stamp(in.First), Last: stamp(in.Last),
		Cause: causeWire{
			What: Printable(in.Cause.What), Servers: serverTexts(in.Cause.Servers), First: stamp(in.Cause.First), Last: stamp(in.Cause.Last),
			Timeout: float64(in.Cause.Timeout) / float64(time.Millisecond),
		},
		Clients: []string{}, Servers: orEmpty(serverTexts(in.Servers)), ClientCount: d.Clients,
		harmWire: harmWire{
			Since: stamp(d.Since), Until: stamp(d.Until), Calls: d.Calls, Connections: d.Connections, Misread: d.Misread, Open: d.Open, AtLeast: d.AtLeast,
			Saw: tallyMap(d.Saw), Commands: tallyMap(d.Commands),
		},
		Steps: []phaseWire{}, Story: []momentWire{}, More: s.More, Remedy: orEmpty(Printables(in.Remedy)),
	}
	for _, c := range in.Clients {
		w.Clients = append(w.Clients, AddrText(c))
	}
	for i := range in.Steps {
		x := &in.Steps[i]
		p := phaseWire{
			Rule: Printable(x.Rule), Name: Printable(x.Name), Role: x.Role.String(), Count: x.Count, First: stamp(x.First), Last: stamp(x.Last),
			What: Printable(x.What), Findings: orEmpty(Printables(x.Findings)),
		}
		if len(p.Findings) > 0 {
			p.Finding = p.Findings[0]
		}
		w.Steps = append(w.Steps, p)
	}
	if len(s.Rows) > 0 {
		w.Place = &placeWire{s.Conn, AddrPortText(s.Client), AddrPortText(s.Server), Printable(s.File)}
	}
	for i := range s.Rows {
		r := &s.Rows[i]
		m := momentWire{Time: stamp(r.Time), Frame: r.Frame, Index: r.Index, What: Printable(r.What), Note: Printable(r.Note), Role: r.Role.String()}
		if r.Misread() {
			meant, got := Printable(r.Meant), Printable(r.Got)
			m.Serves, m.Believes, m.Meant, m.Got = index(r.Serves), index(r.Believes), &meant, &got
		}
		w.Story = append(w.Story, m)
	}
	for i := range in.Others {
		o := &in.Others[i]
		w.Others = append(w.Others, outlineWire{o.Conn, AddrPortText(o.Client), AddrPortText(o.Server), stamp(o.Time), o.Frame, Printable(o.What)})
	}
	return w
}

func serverTexts(all []netip.AddrPort) (texts []string) {
	for _, s := range all {
		texts = append(texts, AddrPortText(s))
	}
	return texts
}

func tallyMap(ts []incident.Tally) map[string]int {
	m := map[string]int{}
	for _, t := range ts {
		m[Printable(t.Label)] += t.Count
	}
	return m
}

// incident is the inverse of wireIncident.
func (w *incidentWire) incident() (in incident.Incident, err error) {
	var p parser
	in = incident.Incident{
		ID: w.ID, Fingerprint: w.Fingerprint, Rule: w.Rule, Title: w.Title, Library: w.Library, First: moment(w.First), Last: moment(w.Last), Remedy: w.Remedy,
		Cause: incident.Origin{
			What: w.Cause.What, Servers: p.servers(w.Cause.Servers), First: moment(w.Cause.First), Last: moment(w.Cause.Last),
			Timeout: time.Duration(w.Cause.Timeout * float64(time.Millisecond)),
		},
		Servers: p.servers(w.Servers),
		Damage: incident.Damage{
			Calls: w.Calls, Misread: w.Misread, Connections: w.Connections, Open: w.Open, Clients: w.ClientCount, AtLeast: w.AtLeast,
			Since: moment(w.Since), Until: moment(w.Until), Saw: incident.Tallies(w.Saw), Commands: incident.Tallies(w.Commands),
		},
		Story: incident.Story{More: w.More},
	}
	for _, c := range w.Clients {
		in.Clients = append(in.Clients, p.addr(c))
	}
	in.Class = word(&p, "verdict", w.Verdict, incident.ParseClass)
	in.Severity = word(&p, "severity", w.Severity, incident.ParseSeverity)
	if in.Confidence, err = confidence(w.Confidence); err != nil {
		return in, err
	}
	for i := range w.Steps {
		x := &w.Steps[i]
		in.Steps = append(in.Steps, incident.IncidentStep{
			Rule: x.Rule, Name: x.Name, Role: word(&p, "role", x.Role, incident.ParseRole), Count: x.Count, First: moment(x.First), Last: moment(x.Last),
			What: x.What, Findings: x.Findings,
		})
	}
	if at := w.Place; at != nil {
		in.Story.Conn, in.Story.Client, in.Story.Server, in.Story.File = at.Conn, p.addrPort(at.Client), p.addrPort(at.Server), at.File
	}
	for i := range w.Story {
		m := &w.Story[i]
		r := incident.StoryRow{
			Time: moment(m.Time), Frame: m.Frame, Index: m.Index, What: m.What, Note: m.Note, Role: word(&p, "role", m.Role, incident.ParseRole),
			Serves: deref(m.Serves), Believes: deref(m.Believes),
		}
		if m.Meant != nil {
			r.Meant = *m.Meant
		}
		if m.Got != nil {
			r.Got = *m.Got
		}
		in.Story.Rows = append(in.Story.Rows, r)
	}
	for i := range w.Others {
		o := &w.Others[i]
		in.Others = append(in.Others, incident.Outline{
			Conn: o.Conn, Client: p.addrPort(o.Client), Server: p.addrPort(o.Server), Time: moment(o.Time), Frame: o.Frame, What: o.What,
		})
	}
	return in, p.err
}

// parser keeps the first error.
type parser struct{ err error }

func (p *parser) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *parser) addr(s string) netip.Addr {
	a, err := parseAddr(s)
	p.keep(err)
	return a
}

func (p *parser) addrPort(s string) netip.AddrPort {
	a, err := parseAddrPort(s)
	p.keep(err)
	return a
}

func (p *parser) servers(all []string) (servers []netip.AddrPort) {
	for _, s := range all {
		servers = append(servers, p.addrPort(s))
	}
	return servers
}

func word[T any](p *parser, what, s string, parse func(string) (T, bool)) T {
	v, ok := parse(s)
	if !ok {
		p.keep(fmt.Errorf("unknown %s %q", what, s))
	}
	return v
}
