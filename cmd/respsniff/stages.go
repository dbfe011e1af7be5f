package main

import (
	"fmt"
	"iter"
	"net/netip"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// captureQuality is what the rules on the capture itself are told.
func (p *pipeline) captureQuality() analysis.CaptureQuality {
	q := analysis.CaptureQuality{Stats: p.assembler.Stats(), Drops: p.drops}
	for _, f := range p.source.Files() {
		q.Drops = q.Drops.Plus(f.Drops)
	}
	return q
}

// quality gathers what the stages count about the capture itself.
func (p *pipeline) quality() report.Quality {
	st := p.assembler.Stats()
	s := p.run.Summary()
	q := report.Quality{
		LostBytes: st.LostBytes, Holes: st.Holes, CutPackets: st.Truncated, Snaplen: st.SnapLen, Duplicates: st.Duplicates,
		Backwards: st.Backwards, MidStream: s.MidStream, OneSided: s.OneSided, Encrypted: s.Encrypted, Unparsed: s.Unparsed,
		KernelDrops: kernelDrops(p.captureQuality().Drops), Failed: s.Failed,
	}
	for _, n := range st.Undecodable {
		q.Undecodable += n
	}
	for _, limit := range []struct {
		times int64
		what  string
	}{
		{st.Evicted, "connection table full: connections given up"},
		{st.HoleCaps, "bytes kept behind holes: holes closed early"},
		{s.Unheld, "connections in memory: unanswered ones left out"},
		{s.Capped, "evidence kept for unjudged clients: judged early"},
	} {
		if limit.times > 0 {
			q.LimitsReached = append(q.LimitsReached, fmt.Sprintf("%s, %d times", limit.what, limit.times))
		}
	}
	return q
}

// summary gathers what went by.
func (p *pipeline) summary() report.Summary {
	s := p.run.Summary()
	return report.Summary{
		Packets: p.assembler.Stats().Packets, Connections: s.Connections, Redis: s.RESP, Commands: s.Commands, Replies: s.Replies,
		Clients: int64(len(p.clients)), Servers: int64(len(p.servers)), First: p.progress.earliest, Last: p.progress.latest, Unsaid: s.Unsaid,
	}
}

// maxCensus bounds the distinct clients, and the distinct servers, that are counted.
const maxCensus = 1 << 16

// census passes events through and counts who took part.
func (p *pipeline) census(events iter.Seq2[analysis.Event, error]) iter.Seq2[analysis.Event, error] {
	p.clients, p.servers = map[netip.Addr]bool{}, map[netip.AddrPort]bool{}
	return func(yield func(analysis.Event, error) bool) {
		for event, err := range events {
			if c, ok := event.(*analysis.ConnSummary); ok && c.Commands+c.Replies > 0 {
				if len(p.clients) < maxCensus {
					p.clients[c.Client.Addr()] = true
				}
				if len(p.servers) < maxCensus {
					p.servers[c.Server] = true
				}
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// watch passes events through and shows them to the watchers.
func watch(events iter.Seq2[analysis.Event, error], watchers []func(analysis.Event)) iter.Seq2[analysis.Event, error] {
	if len(watchers) == 0 {
		return events
	}
	return func(yield func(analysis.Event, error) bool) {
		for event, err := range events {
			if err == nil {
				for _, see := range watchers {
					see(event)
				}
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// rulesOn tells which rules fired on a connection, when a run that kept its connections is over.
func (p *pipeline) rulesOn(conn int64) []string {
	for _, c := range p.run.Conns() {
		if c.ID == conn {
			return c.Findings
		}
	}
	return nil
}

// only passes on the events of the connections that the filter wants.
func only(events iter.Seq2[analysis.Event, error], f *filterFlags) iter.Seq2[analysis.Event, error] {
	if !f.choosesConnections() {
		return events
	}
	return func(yield func(analysis.Event, error) bool) {
		for event, err := range events {
			if err == nil && !wanted(event, f) {
				continue
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

func wanted(event analysis.Event, f *filterFlags) bool {
	var s *analysis.Identity
	switch e := event.(type) {
	case *analysis.ConnSummary:
		return f.choose(e.ID, e.Client, e.Server)
	case *analysis.Desync:
		return f.connection(e.Conn, e.Client, e.Server)
	case *analysis.Exchange:
		return f.choose(e.Session.ID, e.Session.Client, e.Session.Server)
	case *analysis.Opened:
		s = &e.Session.Identity
	case *analysis.Control:
		s = &e.Session.Identity
	case *analysis.Ended:
		s = &e.Session.Identity
	case *analysis.WaitEnded:
		s = &e.Session.Identity
	case *analysis.Sent:
		s = &e.Session.Identity
	case *analysis.Answered:
		s = &e.Session.Identity
	case *analysis.Oddity:
		s = &e.Session.Identity
	case *analysis.Alignment:
		s = &e.Session.Identity
	case *analysis.SharedUse:
		s = &e.Session.Identity
	case *analysis.BlockGivenUp:
		s = &e.Session.Identity
	case *analysis.Redirected:
		s = &e.Session.Identity
	}
	return s == nil || f.connection(s.ID, s.Client, s.Server)
}

func kernelDrops(d capture.Drops) int64 { return d.Kernel + d.Interface }

// rulePage gives a rule's page in Markdown, "" where there is none.
func rulePage(rule string) string { return detectors.Page(rule) }
