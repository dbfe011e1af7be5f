package detectors

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// ConnectionChurn is RS205: a client that opens a connection for every few commands.
func ConnectionChurn() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS205", Name: "connection-churn", Severity: incident.Medium, Since: "0.1.0",
		Summary: "many connections are opened for a few commands each",
		Params: []incident.Param{
			{Name: "churn_rate", Default: "5", Meaning: "new connections a second, held for five seconds"},
			{Name: "max_commands", Default: "3", Meaning: "at least half of them carried at most this many commands"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &churns{r: r, gone: map[int64]struct{}{}, errors: map[int64]errorReply{}, links: map[pair]*shortLived{}}
			w.limits(r.Run().Bounds())
			w.closed = incident.Keep(r.Collector, incident.Texts[lastReply]{
				Title: func(f *incident.Finding, _ *lastReply) string {
					return fmt.Sprintf("%s opened %d connections for a few commands each", f.Client, f.Count)
				},
				Remedy: func(f *incident.Finding, last *lastReply) string {
					if last.text != "" {
						return fmt.Sprintf("The client closes its connections over an error: %d of %d ended with %s. Mend what causes it, and look at what "+
							"the client does about an error of that kind (ioredis: reconnectOnError); a pool does not help.", last.times, last.of, last.text)
					}
					return fmt.Sprintf("Use a pool or persistent connections: %d TCP handshakes cost a round trip each, and as many more for every "+
						"command that sets a connection up.", f.Count)
				},
			})
			return analysis.Hooks{Error: w.refused, Waited: w.waited, Ended: w.ended, Finish: w.finish}
		},
	}
}

// churnWindow is the time in which connections are counted.
const churnWindow = 5 * time.Second

// churns collects connections that were opened and properly closed within the capture.
type churns struct {
	r     *analysis.Reporter
	gone  map[int64]struct{} // connections that were closed because a reply did not come
	links map[pair]*shortLived
	order []pair
	kept  int // connections remembered

	errors map[int64]errorReply // of open connections
	closed incident.Facts[lastReply]

	maxGone, maxErrors, maxOfLink, maxOfAll *bound.Bound
}

func (w *churns) limits(set *bound.Set) {
	w.maxGone = set.New(bound.Bound{
		Name: "connections with a wait in vain", Limit: 1 << 14, Hides: "which of the first connections were closed because of it", Loses: bound.History,
	})
	w.maxErrors = set.New(bound.Bound{
		Name: "open connections with an error reply", Limit: 1 << 14, Hides: "that further connections were closed over an error", Loses: bound.Detail,
	})
	w.maxOfLink = set.New(bound.Bound{
		Name: "short connections of one client", Limit: 1 << 14, Hides: "its further connections in the count of RS205", Loses: bound.Detail,
	})
	w.maxOfAll = set.New(bound.Bound{
		Name: "short connections of all clients", Limit: 1 << 17, Hides: "the connections of the clients that came first, in the counts of RS205", Loses: bound.History,
	})
}

// pair is a client and a server. A link would keep all that is known of it in memory.
type pair struct {
	client netip.Addr
	server netip.AddrPort
}

// shortLived is what is remembered of one link.
type shortLived struct {
	who    incident.Occurrence
	opened []visit
}

// lastReply is the error that most connections of a client ended with, if they did.
type lastReply struct {
	text      string
	times, of int
}

// maxLastReplies bounds the different replies that the connections of one client are counted by.
const maxLastReplies = 32

// visit is one connection.
type visit struct {
	at       capture.Time
	conn     int64
	frame    int64
	file     int32
	commands int32
	last     string // the error that was its last reply, and to what; "" for anything else
}

// errorReply is the latest error reply of a connection.
type errorReply struct {
	index int // of the command that it answered
	text  string
}

func (w *churns) refused(a *analysis.Answered) {
	s, ex := a.Session, a.Exchange
	if _, known := w.errors[s.ID]; known || w.maxErrors.Admits(len(w.errors)) {
		w.errors[s.ID] = errorReply{ex.Index, fmt.Sprintf("%q in reply to %s", w.r.Run().Describe(ex, &ex.Serves), ex.CommandName())}
	}
}

// endedWith returns the last reply of a connection that is over, if that was an error: QUIT says nothing.
func (w *churns) endedWith(s *analysis.Session) string {
	e, last := w.errors[s.ID], s.Commands()
	delete(w.errors, s.ID)
	if s.Facts().Quit {
		last--
	}
	if e.index != last {
		return ""
	}
	return e.text
}

// mostly returns the error that more than half of the connections ended with.
func mostly(all []visit) (most lastReply) {
	times := map[string]int{}
	for _, v := range all {
		if _, known := times[v.last]; v.last != "" && (known || len(times) < maxLastReplies) {
			times[v.last]++
		}
	}
	for text, n := range times {
		if 2*n > len(all) {
			most = lastReply{text, n, len(all)}
		}
	}
	return most
}

func (w *churns) waited(e *analysis.WaitEnded) {
	if _, known := w.gone[e.Session.ID]; known || w.maxGone.Admits(len(w.gone)) {
		w.gone[e.Session.ID] = struct{}{}
	}
}

func (w *churns) ended(e *analysis.Ended) {
	s := e.Session
	f, why := s.Facts(), w.endedWith(s)
	link := f.Link()
	// A health check, a refused connection and one given up are no sign of a missing pool, and one whose close by the client
	// is not in the capture may be any of these.
	closed := f.Quit || f.ClientFIN.Seen() || f.ClientRST.Seen()
	if _, deaf := s.OnlySide(); deaf || s.Lossy() {
		return // whether a reply came does not show, or how many commands there were
	}
	if link == nil || !closed || !f.SYN.Seen() || !f.Data || f.GaveUp || s.Kind != pairing.RESP || s.End == reassembly.EndCapture || s.End == reassembly.EndEvicted {
		return
	}
	at := pair{s.Client.Addr(), s.Server}
	l := w.links[at]
	if l == nil {
		l = &shortLived{who: incident.Occurrence{Client: s.Client, Server: s.Server, Severity: incident.Medium, Confidence: pairing.Strong}}
		w.links[at] = l
		w.order = append(w.order, at)
	}
	if w.maxOfLink.Admits(len(l.opened)) {
		if w.kept++; !w.maxOfAll.Admits(w.kept - 1) {
			w.forget(l)
		}
		l.opened = append(l.opened, visit{f.SYN.Time, s.ID, f.SYN.Frame, f.SYN.File, int32(s.Commands()), why})
	}
}

// forget gives up what is remembered of the link that came first, but for l.
func (w *churns) forget(l *shortLived) {
	for i, link := range w.order {
		if first := w.links[link]; first != l {
			w.kept -= len(first.opened)
			for _, v := range first.opened {
				delete(w.gone, v.conn)
			}
			delete(w.links, link)
			w.order = slices.Delete(w.order, i, i+1)
			return
		}
	}
}

func (w *churns) finish(run *analysis.Run) {
	rate, few := w.r.Number("churn_rate"), int32(w.r.Number("max_commands"))
	for _, link := range w.order {
		l := w.links[link]
		l.opened = slices.DeleteFunc(l.opened, func(v visit) bool { _, gaveUp := w.gone[v.conn]; return gaveUp })
		slices.SortFunc(l.opened, func(a, b visit) int { return int(a.conn - b.conn) })
		slices.SortStableFunc(l.opened, func(a, b visit) int { return compareTimes(a.at, b.at) })
		peak, short, from := busiest(l.opened, rate, few)
		if peak == 0 {
			continue
		}
		o := l.who
		o.Count, o.Time, o.Last = short, from.at, l.opened[len(l.opened)-1].at
		first, all, last := from, l.opened, mostly(l.opened)
		o.Evidence = func() incident.Example {
			counts := make([]int32, 0, len(all))
			for _, v := range all {
				counts = append(counts, v.commands)
			}
			slices.Sort(counts)
			x := incident.Example{
				Client: o.Client, Server: o.Server, Conn: first.conn, Time: first.at, File: run.File(first.file), Frames: frames(first.frame),
				Facts: []string{
					fmt.Sprintf("%d connections were opened within %s from frame %d on, %.1f a second at the busiest", peak, seconds(churnWindow), first.frame,
						float64(peak)/churnWindow.Seconds()),
					fmt.Sprintf("%d of %d connections carried at most %d commands; the median is %d", short, len(all), few, counts[len(counts)/2]),
					"health checks, refused connections and those closed after a timeout are not counted",
				},
			}
			if last.text != "" {
				x.Facts = append(x.Facts, fmt.Sprintf("%d of %d were closed with %s as their last reply", last.times, last.of, last.text))
			}
			return x
		}
		*w.closed.Add(o) = last
	}
}

// busiest slides the window over the connections: the most of any window that is busy enough and at least half of
// short-lived connections, the number of short-lived ones in all, and the first of the first such window.
func busiest(all []visit, rate int, few int32) (peak, short int, first visit) {
	least := rate * int(churnWindow/time.Second)
	n, brief := 0, 0
	for i := range all {
		for n < len(all) && all[n].at.Sub(all[i].at) < churnWindow {
			if all[n].commands <= few {
				brief++
			}
			n++
		}
		if in := n - i; in >= least && brief*2 >= in && in > peak {
			if peak == 0 {
				first = all[i]
			}
			peak = in
		}
		if all[i].commands <= few {
			brief--
			short++
		}
	}
	return peak, short, first
}

func compareTimes(a, b capture.Time) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
