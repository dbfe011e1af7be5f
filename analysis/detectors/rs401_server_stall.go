package detectors

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// maxShownWaiting bounds the connections that one example of a stall names.
const maxShownWaiting = 5

// ServerStall is RS401: the server's process answered nobody while its kernel was well.
func ServerStall() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS401", Name: "server-stall", Severity: incident.Medium, Since: "0.1.0",
		Summary: "a server's process stalled: its kernel acknowledged commands, and nobody was answered",
		Step:    incident.StepText{One: "a server stalled once", Many: "servers stalled %d times"},
		Params: []incident.Param{
			{Name: "stall_min", Default: "100ms", Meaning: "shortest silence that counts"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &stalls{
				r: r, during: map[*cluster.Stall]int{},
				bound: r.DetailBound(maxWaits, "waits without a reply", "how many more reads timed out because of a stall"),
			}
			w.groups = incident.Keep(r.Collector, incident.Texts[stallsOfServer]{
				Title: func(f *incident.Finding, s *stallsOfServer) string {
					if f.Count == 1 {
						return fmt.Sprintf("the server process at %s stalled for %s", f.Server, seconds(s.longest))
					}
					return fmt.Sprintf("the server process at %s stalled %d times, up to %s", f.Server, f.Count, seconds(s.longest))
				},
				Remedy: func(_ *incident.Finding, s *stallsOfServer) string {
					text := fmt.Sprintf("The server process stalled for %s (its kernel answered at once). Look at SLOWLOG, LATENCY DOCTOR, fork and AOF "+
						"rewrites, swap, SIGSTOP, and big DEL, KEYS or scripts at %s.", seconds(s.longest), at(s.start))
					if s.timeouts > 0 {
						text += fmt.Sprintf(" %s timed out because of it.", incident.Counted(s.timeouts, "read", "reads"))
					}
					return text
				},
				Notes: func(_ *incident.Finding, s *stallsOfServer) []string { return s.decide },
				Step:  stallStep,
			})
			return analysis.Hooks{Waited: w.waited, Finish: w.finish}
		},
	}
}

// maxWaits bounds the waits in vain that are laid beside the stalls.
const maxWaits = 1 << 16

// stalls reports the stalls that the run has found.
type stalls struct {
	r      *analysis.Reporter
	waits  []waitSpan
	bound  *bound.Bound           // of waits
	during map[*cluster.Stall]int // waits that ended in vain because of it
	groups incident.Facts[stallsOfServer]
}

// waitSpan is a wait without a reply.
type waitSpan struct {
	server   netip.AddrPort
	from, to capture.Time
}

// stallsOfServer is what the texts report of all stalls of a server.
type stallsOfServer struct {
	longest  time.Duration
	start    capture.Time // of the longest
	news     bool         // it ended behind Run.From
	timeouts int
	decide   []string // flags that would tell what the callers got that it made wait
}

// maxDecide bounds the clients that a stall's finding names as undecided.
const maxDecide = 3

// stallStep says how often and how long servers stalled.
func stallStep(fs []*incident.Finding, servers []*stallsOfServer, n int) string {
	longest := time.Duration(0)
	for _, s := range servers {
		longest = max(longest, s.longest)
	}
	who := "the server " + fs[0].Server.String()
	if len(fs) > 1 {
		who = fmt.Sprintf("%d servers", len(fs))
	}
	if n == 1 {
		return fmt.Sprintf("%s stalled for %.3f s", who, longest.Seconds())
	}
	return fmt.Sprintf("%s stalled %d times, up to %.3f s", who, n, longest.Seconds())
}

func (w *stalls) waited(e *analysis.WaitEnded) {
	if w.bound.Admits(len(w.waits)) {
		w.waits = append(w.waits, waitSpan{e.Session.Server, e.Time.Add(-e.Gap), e.Time})
	}
}

func (w *stalls) finish(r *analysis.Run) {
	for _, x := range w.waits {
		if st := r.Topology().StallBehind(x.server, x.from, x.to); st != nil {
			w.during[st]++
		}
	}
	late := map[netip.AddrPort][]string{}
	for _, u := range r.Undecided() {
		if u.Late.Times > 0 && len(late[u.Server]) < maxDecide {
			late[u.Server] = append(late[u.Server], wouldDecide(u.Client, &undecided{late: u.Late.Times, shortest: u.Shortest, longest: u.Longest})...)
		}
	}
	for _, st := range r.Topology().Stalls() {
		w.report(r, st).decide = late[st.Server]
	}
}

func (w *stalls) report(r *analysis.Run, st *cluster.Stall) *stallsOfServer {
	level := pairing.Strong
	if st.Open {
		level = pairing.Likely
	}
	weakened := st.Weakened || r.Topology().Lossy(st.Server) // a reply that was lost may have broken the silence
	if weakened {
		level = level.Down()
	}
	s := w.groups.Add(incident.Occurrence{
		AnyClient: true, Client: st.First.Client, Server: st.Server, Time: st.Start, Last: st.End, Severity: incident.Medium, Confidence: level, Weakened: weakened,
		Evidence: func() incident.Example { return w.evidence(r, st) },
	})
	s.timeouts += w.during[st]
	if d, news := st.Duration(), st.End >= r.From(); news && !s.news || news == s.news && d > s.longest {
		s.longest, s.start, s.news = d, st.Start, news
	}
	return s
}

// TakeOff is of incident.Lessened.
func (s *stallsOfServer) TakeOff(before any) {
	if b, ok := before.(*stallsOfServer); ok {
		s.timeouts = max(s.timeouts-b.timeouts, 0)
	}
}

func (w *stalls) evidence(r *analysis.Run, st *cluster.Stall) incident.Example {
	first := &st.First
	e := incident.Example{
		Conn: first.Conn, Client: first.Client, Server: st.Server, Time: st.Start, File: r.File(st.File),
		Frames: frames(st.BeforeFrame, st.StartFrame, first.AckedFrame, st.EndFrame),
		Filter: fmt.Sprintf("%s && tcp.port==%d && (frame.number==%d || frame.time_epoch>=%.6f && frame.time_epoch<=%.6f)",
			r.Filter(netip.AddrPortFrom(st.Server.Addr(), 0), netip.AddrPort{}), st.Server.Port(), st.BeforeFrame,
			float64(st.Start.Add(-time.Millisecond))/1e9, float64(st.End.Add(time.Millisecond))/1e9),
	}
	end := fmt.Sprintf("to its next byte at %s (frame %d)", at(st.End), st.EndFrame)
	if st.Open {
		end = fmt.Sprintf("to %s at least: no connection waited longer, and it had not answered", at(st.End))
	}
	e.Facts = append(e.Facts, fmt.Sprintf("no reply byte on any connection of the server for %s: from the first command that had to wait, at %s (frame %d), %s",
		seconds(st.Duration()), at(st.Start), st.StartFrame, end))
	e.Facts = append(e.Facts, fmt.Sprintf("%s waited with %s; the server's kernel acknowledged them on %d, on %d within 5 ms: the network was not the cause",
		incident.Counted(st.Connections, "connection", "connections"), incident.Counted(st.Commands, "command", "commands"), st.Acknowledged, st.Prompt))
	if st.BeforeFrame > 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("the process was last seen alive %s before, at %s (frame %d)",
			seconds(max(st.Start.Sub(st.Before), 0)), at(st.Before), st.BeforeFrame))
	}
	if !st.Open {
		e.Facts = append(e.Facts, fmt.Sprintf("then %s with replies in 10 ms", incident.Counted(st.Burst, "segment", "segments")))
	}
	if n := w.during[st]; n > 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("%s ended in vain because of it", incident.Counted(n, "wait", "waits")))
	}
	for i := range st.Waiting[:min(len(st.Waiting), maxShownWaiting)] {
		x := &st.Waiting[i]
		acked := "not acknowledged while it waited"
		if x.AckedFrame > 0 {
			acked = fmt.Sprintf("acknowledged after %s, frame %d", ms(x.AckedAfter), x.AckedFrame)
		}
		e.Facts = append(e.Facts, fmt.Sprintf("%s waited with %s from %s (frame %d; %s)", x.Client, x.Command, at(x.Time), x.Frame, acked))
	}
	if n := st.Connections - maxShownWaiting; n > 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("and %s more", incident.Counted(n, "connection", "connections")))
	}
	return e
}
