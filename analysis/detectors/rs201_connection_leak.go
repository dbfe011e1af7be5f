package detectors

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// ConnectionLeak is RS201: connections that a program took from its pool and lost.
func ConnectionLeak() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS201", Name: "connection-leak", Severity: analysis.High, Since: "0.1.0",
		Summary: "a connection was taken from its pool and never given back",
		CausedBy: []analysis.Cause{
			{Rules: []string{"RS103", "RS106"}, Share: analysis.SameConnection},
			{Rules: []string{"RS101", "RS102", "RS104"}, Share: analysis.SameConnection, Otherwise: true},
		},
		Step: analysis.StepText{One: "1 connection was lost to its pool", Many: "%d connections were lost to their pools", Connections: true},
		Params: []analysis.Param{
			{Name: "close_wait", Default: "30s", Meaning: "how long a connection must lie unused, its server having closed it"},
			{Name: "periods", Default: "2", Meaning: "periods of the pool's timer that a connection must have missed while others did not"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &leaks{
				r: r, byConn: map[int64]*lost{},
				bound: r.EvidenceBound(maxLost, "connections that may be lost", "further lost connections"),
			}
			w.lastUse = analysis.Keep(r.Collector, analysis.Texts[string]{
				Title: func(f *analysis.Finding, _ *string) string {
					return fmt.Sprintf("%s taken from the pool and never given back", was(f.Count, "connection"))
				},
				Remedy: leakRemedy,
			})
			return analysis.Hooks{Ended: w.ended, Desync: w.desync, Finish: w.finish}
		},
	}
}

// Bounds of what is kept of connections that may be lost.
const (
	maxLost = 1 << 12
	// brokenIdle is how long a connection whose last caller got a foreign reply must lie unused until the capture ends
	// before it counts as lost.
	brokenIdle = time.Second
	// minGoodbyes is how many connections of a client must have said QUIT before one that did not is remarkable.
	minGoodbyes = 3
)

// leaks collects connections that nobody uses any more.
type leaks struct {
	r      *analysis.Reporter
	byConn map[int64]*lost
	order  []*lost
	bound  *bound.Bound // of order
	// lastUse is the last thing on one of a group's lost connections.
	lastUse analysis.Facts[string]
}

// ended keeps connections that the client left open, or that only the end of its process reset.
func (w *leaks) ended(e *analysis.Ended) {
	s := e.Session
	f := s.Facts()
	if s.Kind != analysis.RESP || s.Commands() == 0 || f.Quit || f.ClientFIN.Seen() || f.Late.Seen() || f.ServerRST.Seen() {
		return
	}
	ex := s.LastExchange()
	if ex == nil || ex.Flags&analysis.Blocks != 0 && !ex.Served || !w.bound.Admits(len(w.order)) {
		return
	}
	l := w.lost(s)
	l.lastName = strings.TrimSpace(ex.CommandName() + " " + w.r.Run().Key(ex))
	l.lastFrame = ex.Frame
	l.lastReply = "no reply"
	if ex.Served {
		l.lastReply = w.r.Run().Describe(ex, &ex.Serves)
	}
}

func (w *leaks) lost(s *analysis.Session) *lost {
	l := w.byConn[s.ID]
	if l == nil {
		l = &lost{
			conn: s.ID, facts: *s.Facts(), open: s.End == reassembly.EndCapture || s.End == reassembly.NotEnded,
			weakened: s.Lost[0]+s.Lost[1] > 0,
		}
		l.s = analysis.Occurrence{
			Client: s.Client, Server: s.Server, Conn: s.ID, Time: max(l.facts.LastClient, s.First), Severity: analysis.High,
			Policy: s.Stance().Policy.String(), Weakened: l.weakened,
		}
		if p := s.Population(); p != nil {
			l.s.Library = p.Lib().Name
		}
		w.byConn[s.ID] = l
		w.order = append(w.order, l)
	}
	return l
}

// desync marks connections whose last caller got a reply that was not its own.
func (w *leaks) desync(d *analysis.Desync) {
	l := w.byConn[d.Conn]
	if l == nil || d.NVictims == 0 || d.Last.Index != d.Session.Commands() {
		return
	}
	switch d.Last.Saw {
	case "wrong value", "the same value by luck":
		return // no exception: the caller gives the connection back
	}
	l.poisoned, l.got, l.sure = true, d.Last.Got, d.Last.Confidence
}

func (w *leaks) finish(run *analysis.Run) {
	slices.SortFunc(w.order, func(a, b *lost) int { return int(a.conn - b.conn) })
	end := run.Summary().Last
	for _, l := range w.order {
		o := l.s
		var facts []string
		o.Confidence, facts = w.judge(l, end)
		if o.Confidence == analysis.Unsaid {
			continue
		}
		if l.weakened {
			o.Confidence = o.Confidence.Down()
		}
		o.Last = end
		reply := l.lastReply
		if l.poisoned {
			reply = l.got
		}
		o.Evidence = func() analysis.Example { return l.example(run, facts) }
		*w.lastUse.Add(o) = l.lastName + " -> " + reply
	}
}

// judge decides whether a connection is lost, and by which signs.
func (w *leaks) judge(l *lost, end capture.Time) (analysis.Confidence, []string) {
	f := &l.facts
	wait := w.r.Duration("close_wait")
	idle := end.Sub(f.LastClient)
	ticks, facts := w.missing(l, end)
	broken := l.poisoned || l.facts.Overtook
	switch {
	case f.CloseWait() && end.Sub(f.FINAcked.Time) >= wait:
		return analysis.Strong, append([]string{l.closeWait(end)}, facts...)
	case f.CloseWait() && idle >= wait && (broken || ticks):
		return analysis.Strong, append([]string{l.closeWait(end)}, facts...)
	case ticks:
		return analysis.Likely, facts
	case !l.poisoned:
		return analysis.Unsaid, nil
	}
	level := analysis.Likely
	if l.sure < analysis.Likely {
		level = analysis.Possible
	}
	why := fmt.Sprintf("its last caller got %s, the reply to an earlier command, and nothing was sent on it since", l.got)
	if f.ClientRST.Seen() {
		link := f.Link()
		if link == nil || link.Goodbyes < minGoodbyes {
			return analysis.Unsaid, nil
		}
		return level, []string{why, fmt.Sprintf("it was reset without QUIT (frame %d), where %d other connections of this client said QUIT: "+
			"it was not in the pool when that was closed", f.ClientRST.Frame, link.Goodbyes)}
	}
	if !l.open || idle < brokenIdle {
		return analysis.Unsaid, nil
	}
	return level, []string{why, fmt.Sprintf("it lay open and unused for %s, until the capture ended", seconds(idle))}
}

// missing looks for two or more connections of the same use that the pool's timer tested while it skipped this one.
func (w *leaks) missing(l *lost, end capture.Time) (bool, []string) {
	f := &l.facts
	link := f.Link()
	if link == nil || !l.open || !f.Data || l.lastReply == "no reply" {
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
	return true, []string{fmt.Sprintf("%s of the same pool were tested every %s, this one not once in %s", plural(siblings, "connection", "connections"),
		every(period), seconds(end.Sub(f.LastClient)))}
}

func leakRemedy(f *analysis.Finding, lastUse *string) string {
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
