package detectors

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/idle"
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
	order []*shortLived         // as they began; some of a live run are forgotten
	kept  int                   // connections remembered
	quiet idle.List[shortLived] // all links, the one whose latest connection ended first before the others

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
	at     pair
	who    incident.Occurrence
	opened []visit
	before *earlier // of a live run; nil: there is nothing
	place  idle.Place[shortLived]
}

// earlier is what is remembered of the connections of a link that were opened long ago: all but the connections.
type earlier struct {
	busy    busy
	n       int // connections
	last    capture.Time
	replies map[string]int // connections by the error that was their last reply; nil: there is none
}

// busy is what a link shows of churn.
type busy struct {
	peak, short int   // the most connections of one window, 0: none has enough; those with few commands
	first       visit // of the first such window
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

// take counts connections, of which nothing else will be remembered.
func (e *earlier) take(all []visit) {
	for _, v := range all {
		e.n++
		e.last = max(e.last, v.at)
		if v.last == "" {
			continue
		}
		if e.replies == nil {
			e.replies = map[string]int{}
		}
		if _, known := e.replies[v.last]; known || len(e.replies) < maxLastReplies {
			e.replies[v.last]++
		}
	}
}

// mostly returns the error that more than half of the connections ended with.
func (e *earlier) mostly() (most lastReply) {
	for text, n := range e.replies {
		if 2*n > e.n {
			most = lastReply{text, n, e.n}
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
	at, now := pair{s.Client.Addr(), s.Server}, w.r.Run().Now()
	if w.r.Run().Live() {
		w.quiet.Tick(now, w.rests)
	}
	l := w.links[at]
	if l == nil {
		l = &shortLived{at: at, who: incident.Occurrence{Client: s.Client, Server: s.Server, Severity: incident.Medium, Confidence: pairing.Strong}}
		w.links[at] = l
		w.order = append(w.order, l)
	}
	w.quiet.Remove(&l.place)
	w.quiet.Add(l, &l.place)
	if n := len(l.opened); n > 0 && n == cap(l.opened) && w.r.Run().Live() {
		w.fold(l, now)
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
	for i, first := range w.order {
		if first != l {
			w.drop(first)
			w.order = slices.Delete(w.order, i, i+1)
			return
		}
	}
}

// drop gives up a link, but for its place in the order.
func (w *churns) drop(l *shortLived) {
	w.kept -= len(l.opened)
	for _, v := range l.opened {
		delete(w.gone, v.conn)
	}
	w.quiet.Remove(&l.place)
	delete(w.links, l.at)
}

// rests takes a link that had no short connection for idle.Rest. One that never had many at a time is forgotten.
func (w *churns) rests(l *shortLived) {
	w.fold(l, w.r.Run().Now())
	if l.opened = slices.Clip(l.opened); l.before != nil && l.before.busy.peak > 0 {
		w.quiet.Add(l, &l.place)
		return
	}
	w.drop(l)
	if len(w.order) > len(w.links)+len(w.links)/8+16 {
		w.order = slices.DeleteFunc(w.order, func(l *shortLived) bool { return w.links[l.at] != l })
	}
}

// fold turns the connections of a link that were opened idle.Rest before now into counts.
func (w *churns) fold(l *shortLived, now capture.Time) {
	all := w.settled(l)
	n := 0
	for n < len(all) && now.Sub(all[n].at) >= idle.Rest {
		n++
	}
	if n == 0 {
		return
	}
	if l.before == nil {
		l.before = &earlier{}
	}
	l.before.busy.add(w.busiest(all, n))
	l.before.take(all[:n])
	w.kept -= n
	l.opened = append(l.opened[:0:0], all[n:]...)
}

// settled returns the connections that are remembered of a link, in the order in which they were opened, without those that
// were closed because a reply did not come.
func (w *churns) settled(l *shortLived) []visit {
	n := len(l.opened)
	l.opened = slices.DeleteFunc(l.opened, func(v visit) bool {
		_, gaveUp := w.gone[v.conn]
		delete(w.gone, v.conn)
		return gaveUp
	})
	w.kept -= n - len(l.opened)
	slices.SortFunc(l.opened, func(a, b visit) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.conn, b.conn)) })
	return l.opened
}

func (w *churns) finish(run *analysis.Run) {
	few := w.r.Number("max_commands")
	for _, l := range w.order {
		if w.links[l.at] != l {
			continue
		}
		all := w.settled(l)
		b, old := w.busiest(all, len(all)), &earlier{}
		if l.before != nil {
			old = l.before
			old.busy.add(b)
			b = old.busy
		}
		if b.peak == 0 {
			continue
		}
		old.take(all)
		o, last := l.who, old.mostly()
		o.Count, o.Time, o.Last = b.short, b.first.at, old.last
		o.Evidence = func() incident.Example {
			x := incident.Example{
				Client: o.Client, Server: o.Server, Conn: b.first.conn, Time: b.first.at, File: run.File(b.first.file), Frames: frames(b.first.frame),
				Facts: []string{
					fmt.Sprintf("%d connections were opened within %s from frame %d on, %.1f a second at the busiest", b.peak, seconds(churnWindow), b.first.frame,
						float64(b.peak)/churnWindow.Seconds()),
					fmt.Sprintf("%d of %d connections carried at most %d commands", b.short, old.n, few) + median(all, old.n),
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

// median gives the median number of commands, of n connections or of those of them that are remembered.
func median(all []visit, n int) string {
	if len(all) == 0 {
		return ""
	}
	counts := make([]int32, 0, len(all))
	for _, v := range all {
		counts = append(counts, v.commands)
	}
	slices.Sort(counts)
	of := ""
	if len(all) < n {
		of = fmt.Sprintf(" of the latest %d", len(all))
	}
	return fmt.Sprintf("; the median%s is %d", of, counts[len(counts)/2])
}

// busiest slides the window over connections, from each of the first n on: the most of any window that is busy enough and at
// least half of short-lived connections, the number of short-lived ones of the first n, and the first of the first such window.
func (w *churns) busiest(all []visit, n int) (b busy) {
	few := int32(w.r.Number("max_commands"))
	least := w.r.Number("churn_rate") * int(churnWindow/time.Second)
	end, brief := 0, 0
	for i := range n {
		for end < len(all) && all[end].at.Sub(all[i].at) < churnWindow {
			if all[end].commands <= few {
				brief++
			}
			end++
		}
		if in := end - i; in >= least && brief*2 >= in && in > b.peak {
			if b.peak == 0 {
				b.first = all[i]
			}
			b.peak = in
		}
		if all[i].commands <= few {
			brief--
			b.short++
		}
	}
	return b
}

// add adds what is shown by connections that were opened later.
func (b *busy) add(later busy) {
	b.short += later.short
	if b.peak == 0 {
		b.first = later.first
	}
	b.peak = max(b.peak, later.peak)
}
