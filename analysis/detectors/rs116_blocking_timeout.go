package detectors

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// BlockingTimeout is RS116: the client gave up on a blocking command before the time that it had asked to block for.
func BlockingTimeout() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS116", Name: "blocking-timeout", Severity: incident.High, Since: "0.1.0",
		Summary: "the client gave up on a blocking command before that command's own timeout",
		Params: []incident.Param{
			{Name: "min_events", Default: "2", Meaning: "waits of equal length that separate a timeout from a client that shuts down; one is enough where an element was lost"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &blockWatch{
				r: r, least: r.Number("min_events"), seen: map[string][]blockWait{},
				waits:   r.EvidenceBound(maxBlockWaits, "blocking commands that one client gave up", "blocking commands whose like it gave up long before"),
				clients: r.EvidenceBound(maxBlockGroups, "clients that gave up blocking commands", "blocking commands that further clients gave up"),
			}
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s given up before its own timeout", was(f.Count, "blocking command"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "The socket timeout is shorter than the blocking time. Set the socket timeout of that connection to more than the blocking " +
					"time (or to none), or block for less. An element that the server hands out after the client has gone is lost: see the keys listed."
			}
			return analysis.Hooks{Blocked: w.see}
		},
	}
}

const (
	maxBlockGroups = 1024 // clients that are watched
	maxBlockWaits  = 64   // the latest waits of a client, in which the next one finds its like
)

// blockWatch collects blocking commands that were given up, until enough of equal length or a lost element show why.
type blockWatch struct {
	r     *analysis.Reporter
	least int // of equal length
	seen  map[string][]blockWait
	// clients bounds seen, waits what is in it of one client.
	clients, waits *bound.Bound
}

type blockWait struct {
	gap      time.Duration
	end      capture.Time
	o        incident.Occurrence
	conn     int64
	index    int
	reported bool
}

func (w *blockWatch) see(b *desync.BlockGivenUp) {
	if b.BlockFor == 0 && !b.Lost {
		return // for ever: whoever closes such a connection is shutting down
	}
	s, run := b.Session, w.r.Run()
	key := s.Client.Addr().String() + " " + s.Server.String()
	ex := b.Exchange
	facts := []string{fmt.Sprintf("%s (frame %d) asked to block for %s; the client %s after %s (frame %d)",
		named(run, &ex), ex.Frame, blockTime(b.BlockFor), b.How, seconds(b.Gap), b.Frame)}
	list := frames(ex.Frame, b.Frame)
	if b.Lost {
		facts = append(facts, fmt.Sprintf("the server handed out an element after all (%s, frame %d), %s after the client had gone: it is lost",
			b.Element, b.LostFrame, seconds(b.LostAt)))
		list = append(list, b.LostFrame)
	}
	o := incident.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: ex.Time, Severity: incident.High, Confidence: pairing.Strong,
		Evidence: func() incident.Example {
			return incident.Example{File: run.File(ex.File), Frames: list, Facts: facts, Ladder: []incident.Step{command(run, &ex)}}
		},
	}
	if b.Lost {
		o.Confidence = pairing.Proven
		for i, p := range w.seen[key] {
			if p.conn == s.ID && p.index == ex.Index {
				if p.reported {
					return
				}
				w.seen[key][i].reported = true
			}
		}
		w.r.Add(o)
		return
	}
	list2 := w.seen[key]
	if list2 == nil && !w.clients.Admits(len(w.seen)) {
		return
	}
	if len(list2) == maxBlockWaits {
		if !list2[0].reported {
			w.waits.Hits++
		}
		list2 = append(list2[:0], list2[1:]...)
	}
	n := blockWait{gap: b.Gap, end: ex.EndTime.Add(b.Gap), o: o, conn: s.ID, index: ex.Index}
	var alike []*blockWait
	list2 = append(list2, n)
	w.seen[key] = list2
	for i := range list2 {
		p := &list2[i]
		apart := n.end.Sub(p.end) >= time.Second // workers that are stopped together are one event
		if d := (p.gap - n.gap).Abs(); p.index == n.index && p.conn == n.conn || apart && d <= max(2*time.Millisecond, n.gap/50) {
			alike = append(alike, p)
		}
	}
	if len(alike) < w.least {
		return
	}
	for _, p := range alike {
		if !p.reported {
			p.reported = true
			w.r.Add(p.o)
		}
	}
}

func blockTime(d time.Duration) string {
	if d == 0 {
		return "ever"
	}
	return seconds(d)
}
