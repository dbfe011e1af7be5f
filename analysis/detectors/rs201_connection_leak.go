package detectors

import (
	"fmt"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp/commands"
)

// ConnectionLeak is RS201: connections that a program took from its pool and lost.
func ConnectionLeak() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS201", Name: "connection-leak", Severity: incident.High, Since: "0.1.0",
		Summary: "a connection was taken from its pool and never given back",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS103", "RS106"}, Share: incident.SameConnection},
			{Rules: []string{"RS101", "RS102", "RS104"}, Share: incident.SameConnection, Otherwise: true},
		},
		Step: incident.StepText{One: "1 connection was lost to its pool", Many: "%d connections were lost to their pools", Connections: true},
		Params: []incident.Param{
			{Name: "close_wait", Default: "30s", Meaning: "how long a connection must lie unused, its server having closed it"},
			{Name: "periods", Default: "2", Meaning: "periods of the pool's timer that a connection must have missed while others did not"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &leaks{r: r, suspects: newSuspects(r.Run().Bounds())}
			w.lastUse = incident.Keep(r.Collector, incident.Texts[string]{
				Title: func(f *incident.Finding, _ *string) string {
					return fmt.Sprintf("%s taken from the pool and never given back", was(f.Count, "connection"))
				},
				Remedy: leakRemedy,
			})
			return analysis.Hooks{Ended: w.ended, Desync: w.desync, Finish: w.finish}
		},
	}
}

const (
	// brokenIdle is how long a connection whose last caller got a foreign reply must lie unused until the capture ends
	// before it counts as lost.
	brokenIdle = time.Second
	// minClosedByQuit is how many connections of a client must have sent QUIT before one that did not is remarkable.
	minClosedByQuit = 3
)

// leaks collects connections that nobody uses any more.
type leaks struct {
	r        *analysis.Reporter
	suspects *suspects
	lastUse  incident.Facts[string] // the last thing on one of a group's lost connections
}

// ended stores connections that the client left open. One that was reset is no suspect before a foreign reply was read on
// it, which desync shows.
func (w *leaks) ended(e *analysis.Ended) {
	s := e.Session
	ex := s.LastExchange()
	if !abandonable(s) || s.Facts().ClientRST.Seen() || ex == nil || ex.Flags&pairing.Blocks != 0 && !ex.Served {
		return
	}
	run := w.r.Run()
	l := newLost(s)
	l.lastName = strings.TrimSpace(ex.CommandName() + " " + run.Key(ex))
	l.lastFrame = ex.Frame
	if ex.Served {
		l.lastReply = run.Describe(ex, &ex.Serves)
	}
	w.suspects.add(l, run.Summary().Last)
}

// desync marks connections whose last caller got a reply that was not its own.
func (w *leaks) desync(d *desync.Desync) {
	v := &d.Last
	if d.Open || d.NVictims == 0 || v.Index != d.Session.Commands() {
		return
	}
	switch v.Saw {
	case "wrong value", "the same value by luck":
		return // no exception: the caller gives the connection back
	}
	l := w.suspects.byConn[d.Conn]
	if l == nil {
		if !abandonable(analysis.SessionOf(d.Session.Session)) || v.Serves == 0 && mayBlock(v.Command) {
			return
		}
		l = newLost(analysis.SessionOf(d.Session.Session))
		l.lastName, l.lastFrame = strings.TrimSpace(v.Command+" "+v.Key), v.Frame
		if v.Serves != 0 {
			l.lastReply = v.Meant
		}
	}
	l.poisoned, l.got, l.sure = true, v.Got, v.Confidence
	w.suspects.add(l, w.r.Run().Summary().Last)
}

// abandonable reports whether the connection's end leaves it open that its program had lost it: the client has neither
// closed it nor noticed that the server had, and it is open, half closed, or was reset when the client's process ended.
func abandonable(s *analysis.Session) bool {
	f := s.Facts()
	if s.Kind != pairing.RESP || s.Commands() == 0 || f.Quit || f.ClientFIN.Seen() || f.Late.Seen() || f.ServerRST.Seen() {
		return false
	}
	return stillOpen(s) || f.CloseWait() || f.ClientRST.Seen()
}

// mayBlock reports whether a command of this name waits for an event.
func mayBlock(name string) bool {
	for c := range commands.Commands() {
		if c.String() == name {
			return c.MayBlock()
		}
	}
	return false
}

func (w *leaks) finish(run *analysis.Run) {
	end := run.Summary().Last
	for _, l := range w.suspects.inOrder(end) {
		o := l.s
		var facts []string
		o.Confidence, facts = w.judge(l, end)
		if o.Confidence == pairing.Suppressed {
			continue
		}
		if l.weakened {
			o.Confidence = o.Confidence.Down()
		}
		o = unaccused(o)
		o.Last = end
		reply := l.lastReply
		if l.poisoned {
			reply = l.got
		}
		o.Evidence = func() incident.Example { return l.example(run, facts) }
		*w.lastUse.Add(o) = l.lastName + " -> " + reply
	}
}

// judge decides whether a connection is lost, and by which signs.
func (w *leaks) judge(l *lost, end capture.Time) (pairing.Confidence, []string) {
	f := &l.facts
	wait := w.r.Duration("close_wait")
	idle := end.Sub(f.LastClient)
	ticks, facts := w.missing(l, end)
	broken := l.poisoned || l.facts.Overtook
	switch {
	case f.CloseWait() && end.Sub(f.FINAcked.Time) >= wait:
		return pairing.Strong, append([]string{l.closeWait(end)}, facts...)
	case f.CloseWait() && idle >= wait && (broken || ticks):
		return pairing.Strong, append([]string{l.closeWait(end)}, facts...)
	case ticks:
		return pairing.Likely, facts
	case !l.poisoned:
		return pairing.Suppressed, nil
	}
	level := pairing.Likely
	if l.sure < pairing.Likely {
		level = pairing.Possible
	}
	why := fmt.Sprintf("its last caller got %s, the reply to an earlier command, and nothing was sent on it since", l.got)
	if f.ClientRST.Seen() {
		link := f.Link()
		if link == nil || link.ClosedByQuit < minClosedByQuit {
			return pairing.Suppressed, nil
		}
		return level, []string{why, fmt.Sprintf("it was reset without QUIT (frame %d), where %d other connections of this client sent QUIT: "+
			"it was not in the pool when that was closed", f.ClientRST.Frame, link.ClosedByQuit)}
	}
	if !l.open || idle < brokenIdle {
		return pairing.Suppressed, nil
	}
	return level, []string{why, fmt.Sprintf("it lay open and unused for %s, until the capture ended", seconds(idle))}
}

// missing looks for two or more connections of the same use that the pool's timer tested while it skipped this one.
func (w *leaks) missing(l *lost, end capture.Time) (bool, []string) {
	f := &l.facts
	link := f.Link()
	if link == nil || !l.open || !f.Data || l.lastReply == noReply {
		return false, nil
	}
	period := link.Pools().Period
	n := w.r.Number("periods")
	if period == 0 || end.Sub(f.LastClient) < time.Duration(n)*period+period/2 {
		return false, nil
	}
	seen := map[int64]int{}
	for i := range link.Ticks {
		t := &link.Ticks[i]
		if t.Conn != l.conn && t.Time > f.LastClient && link.Chains[t.Chain].Data {
			seen[t.Conn]++
		}
	}
	siblings := 0
	for _, ticks := range seen {
		if ticks >= n {
			siblings++
		}
	}
	if siblings < 2 {
		return false, nil
	}
	return true, []string{fmt.Sprintf("%s of the same pool were tested every %s, this one not once in %s", incident.Counted(siblings, "connection", "connections"),
		every(period), seconds(end.Sub(f.LastClient)))}
}

func leakRemedy(f *incident.Finding, lastUse *string) string {
	last := ""
	if *lastUse != "" {
		last = " The last thing on one of them was " + *lastUse + "; an exception there skipped the return."
	}
	jedis := ""
	if f.Library == "jedis" || f.Library == "" {
		jedis = " Jedis before 2.8.1 leaks in getConnection() on any error that is no connection error."
	}
	return fmt.Sprintf("%s lost: borrowed and never returned.%s Return connections in a finally block.%s Short term: "+
		"AbandonedConfig with removeAbandoned.", was(f.Count, "connection"), last, jedis)
}
