package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
)

// DirtyReuse is RS101: a command written while the reply to an earlier one had not reached the client.
func DirtyReuse() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS101", Name: "dirty-reuse", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a command was written while the reply to an earlier one was still owed",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS210", "RS211"}, Share: incident.SameEnds},
			{Rules: []string{"RS401"}, Share: incident.StalledWait, Otherwise: true},
			{Rules: []string{"RS402", "RS104"}, Share: incident.SameConnection},
		},
		Step: incident.StepText{
			One:         "1 connection was used again with a reply owed",
			Many:        "%d connections were used again with a reply owed",
			Connections: true, Remedy: misreadRemedy,
		},
		Params: []incident.Param{
			{Name: "min_gap", Default: "max(20ms, 5 x median latency)", Meaning: "shortest silence before the command, where the policy was only learned"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s used again while a reply was still owed", was(f.Connections, "connection"))
			}
			r.Remedy = func(f *incident.Finding) string {
				return "Your client stopped waiting for a reply and then put the connection back to use. The reply still arrives and is " +
					"handed to whoever uses the connection next. Close the connection after any timeout, cancelled call or I/O error; " +
					"never return it to the pool. " + closeAdvice(f.Library) + " Until it is fixed, restart the processes listed: an affected " +
					"connection stays wrong until it is closed. Treat values cached since " + f.First.Std().Format("2006-01-02 15:04:05 MST") + " as suspect."
			}
			return analysis.Hooks{Desync: func(d *desync.Desync) {
				a := first(d, desync.ByAck)
				if a == nil {
					a = d.Proof
				}
				if a == nil || d.Handshake > 0 {
					return
				}
				o := occurrence(d)
				o.Time, o.Confidence, o.Weakened = a.Next.Time, a.Confidence, a.Weakened
				o.Count = max(d.ReusesBy[desync.ByAck], d.Counts[desync.ByAck], d.Overtaken)
				o.Victims, o.Commands = d.BySaw, d.ByCommand
				o.Evidence = func() incident.Example {
					e := handedOn(r.Run(), d, a)
					e.Facts = append(e.Facts, why(d, a)...)
					return e
				}
				r.Add(o)
			}}
		},
	}
}

// why says why this is no pipeline and what ended the wait.
func why(d *desync.Desync, a *desync.Abandonment) []string {
	var facts []string
	switch d.Stance.Basis {
	case client.BasisGiven:
		facts = append(facts, "no pipeline: by --policy this client waits for each reply")
	case client.BasisNamed:
		facts = append(facts, fmt.Sprintf("no pipeline: the client calls itself %s, which waits for each reply", d.Library.Name))
	case client.BasisGuessed:
		facts = append(facts, fmt.Sprintf("no pipeline, most likely: the client opens and closes like %s, which waits for each reply", d.Library.Name))
	case client.BasisLearned:
		if d.Stance.Alone {
			facts = append(facts, "it has no pool of connections: one that throws late replies away, and has one caller at a time, would look the same")
		}
		if a.Learned == 0 {
			facts = append(facts, fmt.Sprintf("no pipeline: in %d clean sends this client never wrote before the previous reply", d.Stance.Sends))
			break
		}
		facts = append(facts, fmt.Sprintf("no pipeline: in %d clean sends this client never wrote before the previous reply; reported from a silence of %s on",
			d.Stance.Sends, ms(a.Learned)))
	default:
		facts = append(facts, fmt.Sprintf("whether this client is supposed to pipeline is not known: %d sends are too few to learn from", d.Stance.Sends))
	}
	facts = append(facts, versionFacts(d.Library)...)
	switch {
	case d.Wait.Given:
		facts = append(facts, "read timeout as given: "+nominal(d.Wait.T))
	case d.Wait.T > 0 && a.Gap >= d.Wait.T:
		facts = append(facts, fmt.Sprintf("the silence fits the client's read timeout of %s (%d waits of this group ended there)", nominal(d.Wait.T), d.Wait.N))
	case d.Wait.T > 0:
		facts = append(facts, fmt.Sprintf("the silence is shorter than the client's read timeout of %s: not a timeout", nominal(d.Wait.T)))
	}
	return facts
}

// was joins a count with its verb: "1 connection was", "38 connections were".
func was(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return fmt.Sprintf("%d %ss were", n, noun)
}
