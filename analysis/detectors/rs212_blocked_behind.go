package detectors

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/resp"
)

// BlockedBehind is RS212: calls that waited behind another caller's blocking command on a connection that they shared.
func BlockedBehind() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS212", Name: "blocked-behind", Severity: incident.Medium, Since: "0.1.0",
		Summary: "calls waited behind a blocking command on their own connection",
		Step:    incident.StepText{One: "1 call waited behind a blocking command", Many: "%d calls waited behind a blocking command"},
		Params: []incident.Param{
			{Name: "min_wait", Default: "100ms", Meaning: "shortest wait behind a blocking command that counts"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			least := r.Duration("min_wait")
			groups := incident.Keep(r.Collector, incident.Texts[behindBlocking]{
				Title: func(f *incident.Finding, b *behindBlocking) string {
					return fmt.Sprintf("%s up to %s behind %s on the same connection", incident.Counted(f.Count, "call waited", "calls waited"), seconds(b.longest), b.command)
				},
				Remedy: func(_ *incident.Finding, b *behindBlocking) string {
					text := "A blocking command stops its connection: the server runs nothing behind it until it is answered. Give blocking commands (BLPOP, " +
						"XREAD BLOCK, WAIT) connections of their own, also where the client shares one connection between all callers."
					if b.elements > 0 {
						text += " An element that is popped for a caller who has given up by then is lost."
					}
					return text
				},
			})
			return analysis.Hooks{Behind: func(b *analysis.BlockedBehind) {
				calls := waitedLonger(b.Calls, least)
				if len(calls) == 0 {
					return
				}
				o := behindOccurrence(r.Run(), b, calls)
				g := groups.Add(o)
				if g.longest < calls.longest() {
					g.longest, g.command = calls.longest(), named(r.Run(), b.Exchange)
				}
				if popped(b.Exchange) {
					g.elements++
				}
			}}
		},
	}
}

// behindBlocking is what the texts report of all waits of a client.
type behindBlocking struct {
	longest  time.Duration
	command  string // that was waited for so long
	elements int    // popped behind whose back others waited
}

// behindCalls are commands that waited behind a blocking one.
type behindCalls []analysis.BehindCall

func waitedLonger(calls []analysis.BehindCall, least time.Duration) (long behindCalls) {
	for _, c := range calls {
		if c.Wait >= least {
			long = append(long, c)
		}
	}
	return long
}

func (cs behindCalls) longest() (d time.Duration) {
	for _, c := range cs {
		d = max(d, c.Wait)
	}
	return d
}

// popped reports whether a blocking command got more than the end of its time.
func popped(ex *pairing.Exchange) bool {
	return ex.Served && ex.Serves.Kind != resp.Null && !ex.Serves.IsError() && ex.Command != nil && ex.Command.Family() != "WAIT" && ex.Command.Family() != "WAITAOF"
}

// maxShownBehind bounds the waiting calls that one example names.
const maxShownBehind = 5

func behindOccurrence(run *analysis.Run, b *analysis.BlockedBehind, calls behindCalls) incident.Occurrence {
	s, ex := b.Session, *b.Exchange
	o := incident.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: calls[0].Exchange.Time, Last: b.Until, Severity: incident.Medium, Confidence: pairing.Strong,
		Count: len(calls), Commands: map[string]int{},
	}
	if s.Lossy() {
		o.Weakened, o.Confidence = true, o.Confidence.Down()
	}
	end := "and had no reply when the connection ended"
	if ex.Served {
		end = fmt.Sprintf("and was answered after %s (frame %d)", seconds(ex.Serves.FirstTime.Sub(ex.EndTime)), ex.Serves.Frame)
	}
	facts := []string{fmt.Sprintf("%s (frame %d) asked to block for %s, %s; the server ran nothing of this connection before that",
		named(run, &ex), ex.Frame, blockTime(ex.BlockFor), end)}
	list := frames(ex.Frame)
	ladder := []incident.Step{command(run, &ex)}
	for i, c := range calls {
		o.Commands[c.Exchange.CommandName()]++
		if i >= maxShownBehind {
			continue
		}
		acked := ""
		if c.Exchange.AckedFrame > 0 {
			acked = fmt.Sprintf("; the server's kernel had it after %s (frame %d)", ms(c.Exchange.AckedTime.Sub(c.Exchange.EndTime)), c.Exchange.AckedFrame)
		}
		facts = append(facts, fmt.Sprintf("%s (frame %d) waited %s behind it%s", named(run, c.Exchange), c.Exchange.Frame, seconds(c.Wait), acked))
		list = frames(append(list, c.Exchange.Frame)...)
		ladder = append(ladder, command(run, c.Exchange))
	}
	if n := len(calls) - maxShownBehind; n > 0 {
		facts = append(facts, "and "+incident.Counted(n, "call", "calls")+" more")
	}
	if m := b.Meanwhile; m.Replies > 0 {
		fact := fmt.Sprintf("meanwhile the server answered %s of %s, the slowest after %s (frame %d)", incident.Counted(m.Replies, "command", "commands"),
			incident.Counted(m.Connections, "other connection", "other connections"), ms(m.Slowest), m.Frame)
		if m.Slowest < calls.longest()/2 {
			fact += ": it was not slow"
		}
		facts = append(facts, fact)
	}
	if popped(&ex) {
		facts = append(facts, "if its own caller gave up as theirs may have, what it popped reached nobody (possible)")
		list = frames(append(list, ex.Serves.Frame)...)
	}
	o.Evidence = func() incident.Example {
		return incident.Example{File: run.File(ex.File), Frames: list, Facts: facts, Ladder: ladder}
	}
	return o
}
