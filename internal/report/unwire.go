package report

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// document is the inverse of wire; what it does not know it ignores, as additive changes demand.
func (w *documentWire) document() (*Document, error) {
	if w.SchemaVersion != SchemaVersion {
		return nil, fmt.Errorf("schema_version %d: this program reads version %d", w.SchemaVersion, SchemaVersion)
	}
	d := &Document{Complete: w.Complete, Quality: w.Quality, Suppressed: w.Suppressed, Warnings: w.Warnings, Series: w.Series, Label: w.Label}
	if w.Tool != nil {
		d.Tool = *w.Tool
	}
	for _, in := range w.Input {
		d.Input = append(d.Input, Input{
			File: in.File, Format: in.Format, Packets: in.Packets, Bytes: in.Bytes, LinkTypes: in.LinkTypes, Snaplen: in.Snaplen,
			First: moment(in.First), Last: moment(in.Last), KernelDrops: in.KernelDrops, Cut: in.Cut, Error: in.Error, Notes: in.Notes,
		})
	}
	s := w.Summary
	d.Summary = Summary{
		Packets: s.Packets, Connections: s.Connections, Redis: s.Redis, Commands: s.Commands, Replies: s.Replies,
		Clients: s.Clients, Servers: s.Servers, First: moment(s.First), Last: moment(s.Last), Suppressed: s.Suppressed, Unmatched: s.Unmatched,
		Filtered: s.Filtered,
	}
	var p parser
	for _, c := range s.ClientList {
		d.Summary.Parties.Clients = append(d.Summary.Parties.Clients, p.addr(c))
	}
	if d.Summary.Parties.Servers = p.servers(s.ServerList); p.err != nil {
		return nil, fmt.Errorf("summary: %w", p.err)
	}
	d.Doubts, d.Checked = w.Doubts, w.Checked.checked()
	if w.Incidents != nil {
		for i := range *w.Incidents {
			in, err := (*w.Incidents)[i].incident()
			if err != nil {
				return nil, fmt.Errorf("incident %d: %w", i+1, err)
			}
			d.Incidents = append(d.Incidents, in)
		}
	}
	if w.Findings != nil {
		for i := range *w.Findings {
			f, err := (*w.Findings)[i].finding()
			if err != nil {
				return nil, fmt.Errorf("finding %d: %w", i+1, err)
			}
			d.Findings = append(d.Findings, f)
		}
	}
	return d, nil
}

func (w *findingWire) finding() (incident.Finding, error) {
	f := incident.Finding{
		Rule: w.Rule, Name: w.Name, Title: w.Title, Fingerprint: w.Fingerprint, More: w.More,
		Identity: incident.Identity{Subject: w.Subject, ClientName: w.ClientName, ServerName: w.ServerName},
		Part:     incident.Part{Incident: w.Incident, Timeout: time.Duration(w.Timeout * float64(time.Millisecond))}, Library: w.Library, Policy: w.Policy,
		First: moment(w.First), Last: moment(w.Last), Count: w.Count, Connections: w.Connections, Notes: w.Notes,
		Weakened: w.Weakened, Causes: w.Causes, Remedy: w.Remedy, Victims: tallies(w.VictimsBy), Commands: tallies(w.CommandsBy),
	}
	var ok bool
	if f.Severity, ok = incident.ParseSeverity(w.Severity); !ok {
		return f, fmt.Errorf("unknown severity %q", w.Severity)
	}
	var err error
	if f.Confidence, err = confidence(w.Confidence); err != nil {
		return f, err
	}
	if f.Client, err = parseAddr(w.Client); err != nil {
		return f, err
	}
	if f.Server, err = parseAddrPort(w.Server); err != nil {
		return f, err
	}
	for i := range w.Examples {
		e, err := w.Examples[i].example()
		if err != nil {
			return f, fmt.Errorf("example %d: %w", i+1, err)
		}
		f.Examples = append(f.Examples, e)
	}
	return f, nil
}

func (w *exampleWire) example() (incident.Example, error) {
	e := incident.Example{
		Conn: w.Conn, File: w.File, Time: moment(w.Time), Frames: w.Frames, Facts: w.Facts, Filter: w.Filter,
	}
	var err error
	if e.Client, err = parseAddrPort(w.Client); err != nil {
		return e, err
	}
	if e.Server, err = parseAddrPort(w.Server); err != nil {
		return e, err
	}
	if e.Confidence, err = confidence(w.Confidence); err != nil {
		return e, err
	}
	for _, v := range w.Victims {
		c, err := confidence(v.Confidence)
		if err != nil {
			return e, err
		}
		e.Victims = append(e.Victims, pairing.Victim{
			Index: v.Index, Command: v.Command, Key: v.Key, Serves: deref(v.Serves), Believes: deref(v.Believes), Frame: v.Frame,
			Time: moment(v.Time), Meant: v.Meant, Got: v.Got, Saw: v.Saw, Confidence: c,
		})
	}
	for _, s := range w.Ladder {
		step := incident.Step{
			Frame: s.Frame, Time: moment(s.Time), FromClient: s.FromClient, Seq: s.Seq, Ack: -1, Length: s.Length,
			What: s.What, Mark: s.Mark,
		}
		if s.Ack != nil {
			step.Ack = *s.Ack
		}
		e.Ladder = append(e.Ladder, step)
	}
	return e, nil
}

func confidence(word string) (pairing.Confidence, error) {
	if word == "" {
		return pairing.Suppressed, nil
	}
	c, ok := pairing.ParseConfidence(word)
	if !ok {
		return 0, fmt.Errorf("unknown confidence %q", word)
	}
	return c, nil
}

func parseAddr(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(s)
}

func parseAddrPort(s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	return netip.ParseAddrPort(s)
}

func tallies(ws []tallyWire) []incident.Tally {
	var ts []incident.Tally
	for _, w := range ws {
		ts = append(ts, incident.Tally{Label: w.Label, Count: w.Count})
	}
	return ts
}

func moment(s *Stamp) capture.Time {
	if s == nil {
		return 0
	}
	return capture.Time(*s)
}

func deref(p *int) int {
	if p == nil {
		return 0
	}
	return *p
}
