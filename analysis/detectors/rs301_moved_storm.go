package detectors

import (
	"fmt"
	"net/netip"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// stormDirect: one command in so many that goes straight to the new owner shows a client that learns.
const stormDirect = 4

// MovedStorm is RS301: a client that keeps using an old slot map.
func MovedStorm() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS301", Name: "moved-storm", Severity: incident.Medium, Since: "0.1.0",
		Summary: "a client keeps an old slot map: its commands are redirected again and again",
		Params: []incident.Param{
			{Name: "share", Default: "1%", Meaning: "share of the client's commands with keys that are redirected"},
			{Name: "stale_after", Default: "10s", Meaning: "how long it goes on"},
			{Name: "min", Default: "20", Meaning: "how many redirects it takes"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			least, share := r.Number("min"), r.Share("share")
			lasts := r.Duration("stale_after") // a map that is refreshed at all is right again by then
			neverRefreshes := incident.Keep(r.Collector, incident.Texts[bool]{
				Title: func(f *incident.Finding, _ *bool) string {
					return fmt.Sprintf("%s keeps an old slot map: %s", f.Client, incident.Counted(f.Count, "needless redirect", "needless redirects"))
				},
				Remedy: func(_ *incident.Finding, stays *bool) string {
					how := "refreshes it and ignores the result"
					if *stays {
						how = "never refreshes it"
					}
					return "The client keeps an old slot map: it " + how + ". Enable periodic or adaptive refresh of the topology. Each such " +
						"command costs a second round trip."
				},
			})
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				for _, st := range run.Topology().MovedStorms() {
					n := st.Stale()
					if n < least || float64(n) <= float64(st.Keyed)*share || st.Last.Sub(st.First) < lasts || st.Direct*stormDirect > n {
						continue
					}
					stays := neverRefreshes.Add(storm(run, st))
					*stays = *stays || st.Unrefreshed > st.Ignored
				}
			}}
		},
	}
}

func storm(r *analysis.Run, st *cluster.MovedStorm) incident.Occurrence {
	o := incident.Occurrence{
		Client: netip.AddrPortFrom(st.Client, 0), AnyServer: true, Time: st.First, Last: st.Last, Count: st.Stale(),
		Severity: incident.Medium, Confidence: pairing.Strong, Weakened: st.Weakened,
		Commands: map[string]int{},
	}
	if st.Weakened {
		o.Confidence = o.Confidence.Down()
	}
	for _, m := range st.Moves {
		o.Commands[m.Command]++
	}
	o.Evidence = func() incident.Example {
		m := &st.Moves[0]
		e := incident.Example{Conn: m.Conn, Client: m.Client, Server: m.Server, File: r.File(m.File), Time: m.Time}
		e.Facts = append(e.Facts, fmt.Sprintf("%d of %d commands with a key were redirected in %s, for %s; each redirect named the slot of its key",
			st.Moved, st.Keyed, seconds(st.Last.Sub(st.First)), incident.Counted(st.Slots, "slot", "slots")))
		switch {
		case st.Refreshed == 0:
			e.Facts = append(e.Facts, "the client never asked for a slot map (CLUSTER SLOTS, SHARDS or NODES) in this capture")
		case st.Unrefreshed > st.Ignored:
			e.Facts = append(e.Facts, fmt.Sprintf("the client's last slot map is from %s, before the redirects began", at(st.Refreshed)))
		default:
			e.Facts = append(e.Facts, fmt.Sprintf("%d of them went against the client's own slot map, which it had asked for before (the last one at %s)",
				st.Ignored, at(st.Refreshed)))
		}
		direct := "no command"
		if st.Direct > 0 {
			direct = "only " + incident.Counted(st.Direct, "command", "commands")
		}
		e.Facts = append(e.Facts, direct+" went straight to the node that an earlier MOVED had named: the client does not learn from its redirects either")
		if st.Retries > 0 {
			e.Facts = append(e.Facts, fmt.Sprintf("left out: %s whose owner the client had asked just before (a retry elsewhere, not an old map)",
				incident.Counted(st.Retries, "redirect", "redirects")))
		}
		for i := range st.Moves {
			m := &st.Moves[i]
			e.Frames = append(e.Frames, frames(m.Frame, m.Reply)...)
			to := m.Target.String()
			if !m.Target.IsValid() {
				to = "a name"
			}
			e.Facts = append(e.Facts, fmt.Sprintf("%s: %s sent %s for slot %d (frame %d) to %s, which pointed to %s (frame %d)",
				at(m.Time), m.Client, m.Command, m.Slot, m.Frame, m.Server, to, m.Reply))
		}
		return e
	}
	return o
}
