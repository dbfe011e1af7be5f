package analysis

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

func (r *Run) newRegistry() *Registry {
	return NewRegistry(RegistryOptions{
		Bounds: &r.bounds, ClusterWidth: r.knobs.clusterWidth,
		Span: func() (start, end capture.Time) { return r.summary.First, r.summary.Last },
	})
}

// Links returns the links seen so far, in order of client and server.
func (r *Run) Links() []*Link { return r.links.Links() }

// Facts returns what the connection's segments have shown so far. It is borrowed from the session.
func (s *Session) Facts() *ConnFacts { return &s.facts }

// owes returns what the connection waits for.
func (s *Session) owes() Owed {
	switch {
	case s.pending.len() == 0:
		return NothingOwed
	case s.awaited():
		return CallerWaits
	}
	return ReplyOwed
}

// Bounds returns the limits on what the run keeps. Rules add theirs.
func (r *Run) Bounds() *bound.Set { return &r.bounds }

// evidenceLost counts what was not kept although it may have shown a fault.
func (r *Run) evidenceLost() (hits int64) {
	for _, b := range r.bounds.Reached() {
		if b.Loses == bound.Evidence {
			hits += b.Hits
		}
	}
	return hits
}
