package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
)

// maxTrackers bounds the connections whose broken tracking is followed.
const maxTrackers = 4096

// TrackingBroken is RS213: the server says that a client's invalidations have nowhere to go.
func TrackingBroken() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS213", Name: "tracking-broken", Severity: incident.Medium, Since: "0.1.0",
		Summary: "a client's cache gets no invalidations: the connection that they are redirected to is gone",
		Step:    incident.StepText{One: "1 client's cache lost its invalidations", Many: "a client's cache lost its invalidations, %d notices"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &trackers{r: r, at: map[int64]*brokenTracking{}, bound: r.DetailBound(maxTrackers, "connections with broken tracking", "how long further clients went on without invalidations")}
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("the cache of %s gets no invalidations: %s that the connection they go to is gone", f.Client,
					incident.Counted(f.Count, "notice", "notices"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "Drop what the client has cached, and switch tracking on again (CLIENT TRACKING ON REDIRECT with the id of a live connection): the " +
					"server can no longer say what has changed. Watch the connection that takes the invalidations, and treat its end as the end of the cache."
			}
			return analysis.Hooks{Oddity: w.see}
		},
	}
}

// trackers follows the connections that were told that their invalidations are lost.
type trackers struct {
	r     *analysis.Reporter
	at    map[int64]*brokenTracking
	bound *bound.Bound
}

// brokenTracking is what was said on one connection.
type brokenTracking struct {
	frame   int64 // of the first notice
	command int   // commands sent until then
	notices int
}

// see takes the push "tracking-redir-broken" (src/tracking.c, sendTrackingMessage): the server sends it, in RESP3, to the
// connection that reads, in place of each invalidation that it cannot deliver. One alone may be what the client acts upon.
func (w *trackers) see(o *pairing.Oddity) {
	if o.What != pairing.PushMessage || len(o.Reply.Elems) == 0 || string(o.Reply.Elems[0].Text) != "tracking-redir-broken" {
		return
	}
	s, run := analysis.SessionOf(o.Session), w.r.Run()
	b := w.at[s.ID]
	if b == nil {
		b = &brokenTracking{frame: o.Frame, command: s.Commands()}
		if w.bound.Admits(len(w.at)) {
			w.at[s.ID] = b
		}
	}
	b.notices++
	conf, weak := certain(s)
	severity, n, since := incident.Info, b.notices, s.Commands()-b.command
	if since > 0 {
		severity = incident.Medium
	}
	first := b.frame
	w.r.Add(ofSession(s, incident.Occurrence{
		Time: o.Time, Severity: severity, Confidence: conf, Weakened: weak,
		Evidence: func() incident.Example {
			facts := []string{fmt.Sprintf("the server pushed tracking-redir-broken in frame %d: a key that this connection has read was changed, and the connection that takes its invalidations is gone", o.Frame)}
			if since > 0 {
				facts = append(facts, fmt.Sprintf("this is notice %d, the first came in frame %d: the client went on with %s on this connection", n, first,
					incident.Counted(since, "command", "commands")))
			}
			return incident.Example{File: run.File(o.File), Frames: frames(first, o.Frame), Facts: facts}
		},
	}))
}
