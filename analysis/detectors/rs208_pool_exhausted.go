package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
)

// PoolExhausted is RS208: every connection of a pool is in use or lost while the server answers others.
func PoolExhausted() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS208", Name: "pool-exhausted", Severity: analysis.High, Since: "0.1.0",
		Summary: "every connection of a pool waits for a reply, while the server answers others at once",
		CausedBy: []analysis.Cause{
			{Rules: []string{"RS201"}, Share: analysis.SameEnds},
		},
		Step: analysis.StepText{One: "a pool ran out of connections", Many: "pools ran out of connections %d times"},
		Params: []analysis.Param{
			{Name: "min_open", Default: "4", Meaning: "connections that a pool must have"},
			{Name: "min_prompt", Default: "10", Meaning: "replies within 10 ms that the server must give to others meanwhile"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			most := analysis.Keep(r.Collector, analysis.Texts[int]{
				Title: func(f *analysis.Finding, open *int) string {
					return fmt.Sprintf("all %d connections of %s waited for replies, while the server answered others at once", *open, f.Client)
				},
				Remedy: func(_ *analysis.Finding, open *int) string {
					return fmt.Sprintf("All %d connections are in use or lost; further callers wait inside the client. Look for RS201 (lost connections) and RS401 "+
						"(a server that stalled), and for the commands that these connections wait for. Raising maxTotal only delays it.", *open)
				},
			})
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				for _, l := range run.Links() {
					for _, x := range l.Exhausted {
						if x.Open < r.Number("min_open") || x.Prompt < int64(r.Number("min_prompt")) {
							continue
						}
						o := analysis.Occurrence{
							Client: netipPort(l), Server: l.Server, Time: x.From, Last: x.To, Severity: analysis.High, Confidence: analysis.Likely,
						}
						o.Evidence = func() analysis.Example { return exhausted(run, l, x) }
						open := most.Add(o)
						*open = max(*open, x.Open)
					}
				}
			}}
		},
	}
}

func exhausted(run *analysis.Run, l *analysis.Link, x analysis.Exhaustion) analysis.Example {
	return analysis.Example{
		Client: netipPort(l), Server: l.Server, Time: x.From, File: run.File(0),
		Facts: []string{
			fmt.Sprintf("%d connections were open and each owed a reply from %s to %s, %s long; none was opened or closed meanwhile",
				x.Open, at(x.From), at(x.To), seconds(x.To.Sub(x.From))),
			fmt.Sprintf("the server gave %d replies within 10 ms to others in that time: it was not stalled", x.Prompt),
		},
	}
}
