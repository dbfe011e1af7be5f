package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
)

// DeadTargetProbe is RS209: a pool's timer that keeps on trying a server which is not there.
func DeadTargetProbe() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS209", Name: "dead-target-probe", Severity: incident.Low, Since: "0.1.0",
		Summary: "a server that is not there is tried again and again at a fixed period",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s tried %s %d times in the rhythm of a pool's timer, and nothing was there", f.Client, f.Server, f.Count)
			}
			r.Remedy = func(f *incident.Finding) string {
				return fmt.Sprintf("Something still probes %s: a pool for a removed node, or one whose server came up late. Close it.", f.Server)
			}
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				for _, l := range run.Links() {
					if o, ok := deadTarget(run, l); ok {
						r.Add(o)
					}
				}
			}}
		},
	}
}

func deadTarget(run *analysis.Run, l *pools.Link) (o incident.Occurrence, ok bool) {
	if len(l.Failed) < 2 {
		return o, false
	}
	probes, period := l.Probing()
	if period == 0 {
		return o, false
	}
	first, last := l.Failed[0], l.Failed[len(l.Failed)-1]
	o = incident.Occurrence{
		Client: netipPort(l), Server: l.Server, Severity: incident.Low, Confidence: pairing.Strong, Count: l.Refused + l.Unanswered,
		Time: first.SYN.Time, Last: last.SYN.Time,
	}
	facts := []string{
		fmt.Sprintf("%s refused, %s unanswered", incident.Counted(l.Refused, "SYN", "SYNs"), incident.Counted(l.Unanswered, "SYN", "SYNs")),
		fmt.Sprintf("%d of %d follow a period of %s", len(probes), len(l.Failed), every(period)),
	}
	if l.Conns > 0 {
		o.Confidence = pairing.Likely
		facts = append(facts, fmt.Sprintf("the server was there at other times: %s; the period is that of the pools' timers on them",
			incident.Counted(l.Conns, "connection", "connections")))
		o.Notes = append(o.Notes, "the server answered at other times: a pool that was there before it, or that outlives it, looks like this")
	}
	var list []int64
	for i := range min(len(probes), maxProbesShown) {
		p := &probes[i]
		list = append(list, p.SYN.Frame)
		facts = append(facts, fmt.Sprintf("SYN at %s (frame %d)", at(p.SYN.Time), p.SYN.Frame))
	}
	o.Evidence = func() incident.Example {
		return incident.Example{Client: netipPort(l), Server: l.Server, File: run.File(first.SYN.File), Time: first.SYN.Time, Frames: list, Facts: facts}
	}
	return o, true
}

// maxProbesShown is how many attempts are listed.
const maxProbesShown = 6
