package detectors

import (
	"fmt"
	"time"

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
				r.Add(unaccusedOf(d, o))
			}}
		},
	}
}

// why says why this is no pipeline, what ended the wait, and what the connection did afterwards.
func why(d *desync.Desync, a *desync.Abandonment) []string {
	var facts []string
	switch d.Use.Basis {
	case client.Stated:
		facts = append(facts, "no pipeline: by --policy this client waits for each reply")
	case client.Named:
		facts = append(facts, fmt.Sprintf("no pipeline: the client calls itself %s, which waits for each reply", d.Library.Name))
	case client.Guessed:
		facts = append(facts, fmt.Sprintf("no pipeline, most likely: the client opens and closes like %s, which waits for each reply", d.Library.Name))
	default:
		if d.Use.Policy.TakesTurns() {
			facts = append(facts, "no pipeline: the callers of this client take turns, as its connections show")
		} else {
			facts = append(facts, "whether this client is supposed to pipeline is not known")
		}
	}
	facts = append(facts, versionFacts(d.Library)...)
	return append(facts, evidence(d, a)...)
}

// evidence says, in plain facts, what shows that a caller gave up, and that the next one was answered from memory.
func evidence(d *desync.Desync, a *desync.Abandonment) (facts []string) {
	if a != nil {
		facts = append(facts, waitedAs(&d.Wait, a.Gap)...)
	}
	if p := &d.Prompt; p.Frame > 0 {
		facts = append(facts, p.String())
		if d.TooSoon > 1 {
			facts = append(facts, fmt.Sprintf("%d commands of this connection were written sooner than the reply before them can have come", d.TooSoon))
		}
	}
	if d.Unread > 0 {
		facts = append(facts, fmt.Sprintf("the connection is encrypted: whether %s behind it got another one's reply cannot be seen, and is possible",
			incident.Counted(d.Unread, "call", "calls")))
	}
	return facts
}

// waitedAs holds a wait against the client's read timeout.
func waitedAs(t *desync.Timeout, gap time.Duration) []string {
	switch {
	case t.Given && gap >= t.T:
		return []string{"read timeout as given: " + ms(t.T)}
	case t.Given:
		return []string{fmt.Sprintf("the silence is shorter than the read timeout as given, %s: not a timeout", ms(t.T))}
	case t.T == 0:
		return nil
	case t.N < 2:
		return []string{fmt.Sprintf("the silence fits the client's read timeout of %s", ms(t.T))}
	case gap <= t.High+t.High/20:
		return []string{fmt.Sprintf("its caller waited %s as %s of this client did (read timeout %s)", seconds(gap), incident.Counted(t.N-1, "other", "others"), ms(t.T))}
	}
	return []string{fmt.Sprintf("the silence is longer than the %s after which %s of this client ended", ms(t.T), incident.Counted(t.N, "wait", "waits"))}
}

// was joins a count with its verb: "1 connection was", "38 connections were".
func was(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return fmt.Sprintf("%d %ss were", n, noun)
}
