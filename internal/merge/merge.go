// Package merge makes one report of the saved reports of several runs.
package merge

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// Run is one saved report, and the name of its file.
type Run struct {
	Name string
	Doc  *report.Document
}

// Documents joins reports of runs over different connections: findings and incidents as incident.Merge does, counts added.
// Series and traces are of one run, and left out. It changes nothing in runs but the names of capture files in examples,
// before which the host stands where a report has one.
func Documents(tool report.Tool, runs []Run, rules []incident.Rule) *report.Document {
	d := &report.Document{Tool: tool, Complete: true}
	saved := make([]incident.SavedRun, len(runs))
	for i, r := range runs {
		named(r.Doc)
		saved[i] = incident.SavedRun{Findings: r.Doc.Findings, Incidents: r.Doc.Incidents}
		d.Complete = d.Complete && r.Doc.Complete
		d.Input = append(d.Input, r.Doc.Input...)
		for _, x := range r.Doc.Suppressed {
			if !slices.Contains(d.Suppressed, x) {
				d.Suppressed = append(d.Suppressed, x)
			}
		}
		for _, w := range r.Doc.Warnings {
			d.Warnings = append(d.Warnings, r.Name+": "+w)
		}
		for _, x := range r.Doc.Doubts {
			if !slices.Contains(d.Doubts, x) {
				d.Doubts = append(d.Doubts, x)
			}
		}
		quality(&d.Quality, &r.Doc.Quality)
	}
	d.Summary = summary(runs)
	d.Quality.LimitsReached = nil
	for _, b := range d.Quality.Bounds {
		d.Quality.LimitsReached = append(d.Quality.LimitsReached, b.String())
	}
	d.Findings, d.Incidents = incident.Merge(saved, rules, report.Rank)
	d.Warnings = append(d.Warnings, twice(runs)...)
	return d
}

// named puts the host before the names of files: two hosts may have files of one name.
func named(d *report.Document) {
	if d.Host == "" {
		return
	}
	on := func(file *string) {
		if *file != "" {
			*file = d.Host + ":" + *file
		}
	}
	for i := range d.Input {
		on(&d.Input[i].File)
	}
	for i := range d.Findings {
		for j := range d.Findings[i].Examples {
			on(&d.Findings[i].Examples[j].File)
		}
	}
	for i := range d.Incidents {
		on(&d.Incidents[i].Story.File)
	}
}

// quality adds what a capture lost or hid.
func quality(to, q *report.Quality) {
	for _, c := range []struct{ to, n *int64 }{
		{&to.KernelDrops, &q.KernelDrops}, {&to.LostBytes, &q.LostBytes}, {&to.Holes, &q.Holes}, {&to.CutPackets, &q.CutPackets},
		{&to.Duplicates, &q.Duplicates}, {&to.Backwards, &q.Backwards}, {&to.Undecodable, &q.Undecodable}, {&to.NotTCP, &q.NotTCP},
		{&to.Fragments, &q.Fragments}, {&to.Conflicts, &q.Conflicts}, {&to.MidStream, &q.MidStream}, {&to.OneSided, &q.OneSided},
		{&to.Encrypted, &q.Encrypted}, {&to.Unparsed, &q.Unparsed}, {&to.Failed, &q.Failed},
	} {
		*c.to += *c.n
	}
	to.Snaplen = max(to.Snaplen, q.Snaplen)
	to.Weakened = to.Weakened || q.Weakened
	for _, u := range q.Unread {
		if i := slices.IndexFunc(to.Unread, func(x report.Unread) bool { return x.What == u.What }); i >= 0 {
			to.Unread[i].Packets += u.Packets
		} else {
			to.Unread = append(to.Unread, u)
		}
	}
	slices.SortStableFunc(to.Unread, func(a, b report.Unread) int { return cmp.Compare(b.Packets, a.Packets) })
	to.Unread = to.Unread[:min(len(to.Unread), report.UnreadShown)]
	for _, b := range q.Bounds {
		if i := slices.IndexFunc(to.Bounds, func(x report.Bound) bool { return x.Name == b.Name }); i >= 0 {
			to.Bounds[i].Hits += b.Hits
			to.Bounds[i].Limit = max(to.Bounds[i].Limit, b.Limit)
		} else {
			to.Bounds = append(to.Bounds, b)
		}
	}
	slices.SortFunc(to.Bounds, func(a, b report.Bound) int { return cmp.Compare(a.Name, b.Name) })
}

// summary adds what went by. Clients and servers are counted once where the reports list them, else the greatest number is
// the least that is certain.
func summary(runs []Run) (s report.Summary) {
	clients, servers := map[netip.Addr]bool{}, map[netip.AddrPort]bool{}
	s.Unmatched = len(runs) > 0
	for _, r := range runs {
		x := &r.Doc.Summary
		s.Packets += x.Packets
		s.Connections += x.Connections
		s.Redis += x.Redis
		s.Commands += x.Commands
		s.Replies += x.Replies
		s.Suppressed += x.Suppressed
		s.Unmatched = s.Unmatched && x.Unmatched
		s.Filtered = s.Filtered.And(x.Filtered)
		if s.First == 0 || x.First != 0 && x.First < s.First {
			s.First = x.First
		}
		s.Last = max(s.Last, x.Last)
		s.Clients, s.Servers = max(s.Clients, x.Clients), max(s.Servers, x.Servers)
		for _, c := range x.Parties.Clients {
			clients[c] = true
		}
		for _, c := range x.Parties.Servers {
			servers[c] = true
		}
	}
	s.Clients, s.Servers = max(s.Clients, int64(len(clients))), max(s.Servers, int64(len(servers)))
	s.Parties.Clients = slices.SortedFunc(maps.Keys(clients), netip.Addr.Compare)
	s.Parties.Servers = slices.SortedFunc(maps.Keys(servers), netip.AddrPort.Compare)
	return s
}

// maxTwice bounds the warnings of connections that were recorded twice.
const maxTwice = 3

// twice warns of a connection that two runs show: they are of both its ends, or of one file, and what is counted of it counts
// twice.
func twice(runs []Run) (warnings []string) {
	type ends struct {
		rule           string
		client, server netip.AddrPort
	}
	type sighting struct {
		run int
		at  capture.Time
	}
	seen := map[ends]sighting{}
	told := map[[2]int]bool{}
	for i, r := range runs {
		for j := range r.Doc.Findings {
			f := &r.Doc.Findings[j]
			for _, e := range f.Examples {
				if !e.Client.IsValid() || e.Client.Port() == 0 || !e.Server.IsValid() || f.Client == (netip.Addr{}) {
					continue
				}
				at := ends{f.Rule, e.Client, e.Server}
				was, ok := seen[at]
				if apart := e.Time.Sub(was.at); ok && was.run != i && apart.Abs() < time.Second && !told[[2]int{was.run, i}] && len(warnings) < maxTwice {
					told[[2]int{was.run, i}] = true
					warnings = append(warnings, fmt.Sprintf("%s and %s both have the connection from %s to %s: what they found on it is counted twice",
						runs[was.run].Name, r.Name, e.Client, e.Server))
				}
				seen[at] = sighting{i, e.Time}
			}
		}
	}
	return warnings
}
