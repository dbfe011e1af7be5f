package detectors

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/databases"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pairing/known"
)

// ModeLeak is RS112: a command sent on a connection that its previous user had left in a mode of its own.
func ModeLeak() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS112", Name: "mode-leak", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a connection was handed on while subscribed, inside MULTI, as a MONITOR, without replies or in another database",
		Params: []incident.Param{
			{Name: "idle", Default: "1ms", Meaning: "shortest pause before a command that comes from another user of a subscribed connection"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &modeLeaks{r: r, idle: r.Duration("idle")}
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "command was", "commands were") + " sent in a mode that the connection's previous user had left behind"
			}
			r.Remedy = func(*incident.Finding) string {
				return "Reset the connection before it goes back to the pool (UNSUBSCRIBE and PUNSUBSCRIBE, DISCARD, CLIENT REPLY ON, SELECT 0, or RESET), or close it. " +
					"Jedis pub/sub: use a dedicated connection. phpredis pconnect: use a persistent_id per database."
			}
			return analysis.Hooks{Error: w.refused, Oddity: w.stale, Left: w.database}
		},
	}
}

type modeLeaks struct {
	r    *analysis.Reporter
	idle time.Duration
}

// refused takes what a RESP2 subscriber must not send.
func (w *modeLeaks) refused(a *analysis.Answered) {
	n := a.Session.Subscribed()
	if n == 0 || a.Exchange.Idle() < w.idle || !bytes.HasPrefix(a.Reply.Text, []byte("ERR Can't execute")) {
		return
	}
	run, ex := w.r.Run(), a.Exchange
	text := run.Describe(ex, &ex.Serves)
	conf := pairing.Strong
	if ex.Idle() < 100*time.Millisecond {
		conf = pairing.Likely
	}
	w.add(a.Session, ex, incident.Critical, conf, fmt.Sprintf("%s was answered with %q", cited(run, ex), text),
		fmt.Sprintf("the connection was still subscribed to %s, and had sent nothing for %s", incident.Counted(n, "channel", "channels"), seconds(ex.Idle())))
}

// stale takes what came in a transaction, or on a MONITOR connection, after a pause, and what a caller waited for where the
// server was told not to answer.
func (w *modeLeaks) stale(o *pairing.Oddity) {
	if o.What != pairing.StaleMode || o.Exchange == nil {
		return
	}
	run, ex := w.r.Run(), o.Exchange
	if strings.HasPrefix(o.Text, "CLIENT REPLY") {
		then := "the client sent its next command"
		if o.Closed {
			then = "the client closed the connection"
		}
		w.add(analysis.SessionOf(o.Session), ex, incident.High, pairing.Likely,
			fmt.Sprintf("%s asks for nothing but a reply, and an earlier %s on this connection forbids the server to send one", cited(run, ex), o.Text),
			fmt.Sprintf("%s passed before %s: its caller waited in vain", seconds(o.Gap), then))
		return
	}
	fact := fmt.Sprintf("%s was sent %s after the command before, on a connection left inside %s", cited(run, ex), seconds(o.Gap), o.Text)
	if o.Info != nil {
		w.add(analysis.SessionOf(o.Session), ex, incident.Critical, pairing.Likely, fact,
			fmt.Sprintf("the server answered %s (frame %d): the probe of the connection's next user was queued", run.Describe(ex, o.Info), o.Info.Frame))
		return
	}
	w.add(analysis.SessionOf(o.Session), ex, incident.Critical, pairing.Likely, fact, "its reply stands among the lines that MONITOR prints")
}

// database takes a connection that was left in another database. Whoever selected it, and had its own keys there, is not who looks
// for those of the others: else it may be meant so.
func (w *modeLeaks) database(l *databases.Left) {
	s, run := analysis.SessionOf(l.Session), w.r.Run()
	conf := pairing.Possible
	if l.Own > 0 {
		conf = pairing.Likely
	}
	from := fmt.Sprintf("database %d", l.From)
	if l.From == known.UnknownDatabase {
		from = "the database that they had before the capture"
	}
	facts := []string{fmt.Sprintf("%s selected database %d in the middle of the connection's life, and nobody selected another one after it; %s of this client "+
		"to this server %s in %s", cited(run, &l.Select), l.To, incident.Counted(l.Others, "other connection", "other connections"), stayOrStays(l.Others), from)}
	if l.Own > 0 {
		facts = append(facts, fmt.Sprintf("%s found first which no other connection has", incident.Counted(l.Own, "key was", "keys were")))
	}
	facts = append(facts, fmt.Sprintf("then %s of keys that exist in %s found nothing, from %s on", incident.Counted(l.Missed, "read", "reads"), from, cited(run, &l.First)))
	if l.Written > 0 {
		facts = append(facts, fmt.Sprintf("%s to keys of %s went to database %d", incident.Counted(l.Written, "write", "writes"), from, l.To))
	}
	w.addTimes(s, &l.First, l.Missed+l.Written, incident.Critical, conf, facts...)
}

func stayOrStays(n int) string {
	if n == 1 {
		return "stays"
	}
	return "stay"
}

func (w *modeLeaks) add(s *analysis.Session, ex *pairing.Exchange, severity incident.Severity, conf pairing.Confidence, facts ...string) {
	w.addTimes(s, ex, 1, severity, conf, facts...)
}

func (w *modeLeaks) addTimes(s *analysis.Session, ex *pairing.Exchange, count int, severity incident.Severity, conf pairing.Confidence, facts ...string) {
	weak := s.Lossy() || ex.Flags&(pairing.Uncertain|pairing.AfterHole) != 0
	if weak {
		conf = conf.Down()
	}
	run := w.r.Run()
	at := *ex
	w.r.Add(ofSession(s, incident.Occurrence{
		Time: ex.Time, Severity: severity, Confidence: conf, Weakened: weak, Count: count,
		Evidence: func() incident.Example {
			return incident.Example{File: run.File(at.File), Frames: frames(at.Frame, at.Serves.Frame), Facts: facts}
		},
	}))
}
