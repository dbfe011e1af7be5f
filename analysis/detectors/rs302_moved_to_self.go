package detectors

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

// MovedToSelf is RS302: a MOVED that points back to the node that sent it, or two nodes that point at each other.
func MovedToSelf() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS302", Name: "moved-to-self", Severity: analysis.High, Since: "0.1.0",
		Summary: "MOVED points back to the node that sent it, or two nodes point at each other",
		Params: []analysis.Param{
			{Name: "pong_window", Default: "5s", Meaning: "how far apart two MOVED may be that point at each other's node"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &selfMoves{r: r, names: map[string]netip.AddrPort{}, last: map[uint16]pointer{}}
			r.Title = func(f *analysis.Finding) string {
				return fmt.Sprintf("%s sends clients back to itself: %s", f.Server, plural(f.Count, "MOVED", "times MOVED"))
			}
			r.Remedy = func(*analysis.Finding) string {
				return "The node says that the slot is at its own address: the endpoint is a shared name or behind address translation, or the slot " +
					"map is in the middle of a failover. Reconnect and resolve the name again; do not retry on the same connection."
			}
			return analysis.Hooks{Error: w.see, Opened: w.opened}
		},
	}
}

// pongWindow is how far apart two MOVED may be that point at each other's node.
const pongWindow = 5e9

// selfMoves looks for redirects that lead nowhere.
type selfMoves struct {
	r     *analysis.Reporter
	names map[string]netip.AddrPort // where clients went after a redirect to a name
	want  []followed
	last  map[uint16]pointer
}

// pointer is the latest redirect of a slot.
type pointer struct {
	from, to netip.AddrPort
	at       capture.Time
	frame    int64
}

// followed is a redirect to a name, waiting for the connection that shows its address.
type followed struct {
	client netip.Addr
	name   string
	port   uint16
	at     capture.Time
}

// maxNames bounds the names that are remembered.
const maxNames = 1024

// opened learns a name: the first connection of a redirected client to the redirect's port within two seconds.
func (w *selfMoves) opened(o *analysis.Opened) {
	for i := range w.want {
		f := &w.want[i]
		if f.client == o.Session.Client.Addr() && f.port == o.Session.Server.Port() && o.Segment.Time.Sub(f.at) < 2e9 {
			if len(w.names) < maxNames {
				w.names[f.name] = o.Session.Server
			}
			w.want = append(w.want[:i], w.want[i+1:]...)
			return
		}
	}
}

func (w *selfMoves) see(a *analysis.Answered) {
	rd, ok := resp.ParseRedirect(a.Reply.Text)
	if !ok || rd.Kind != resp.Moved {
		return
	}
	s := a.Session
	target, how := w.target(s, rd, a)
	if !target.IsValid() {
		return
	}
	if target == s.Server {
		w.report(a, how, 0)
		return
	}
	info := &a.Exchange.Serves
	if p, ok := w.last[rd.Slot]; ok && p.from == target && p.to == s.Server && info.Time.Sub(p.at) < pongWindow {
		w.report(a, fmt.Sprintf("%s points at %s for slot %d (frame %d), and %s points back (frame %d)",
			p.from, p.to, rd.Slot, p.frame, s.Server, info.Frame), p.frame)
	}
	w.last[rd.Slot] = pointer{s.Server, target, info.Time, info.Frame}
}

// target resolves a redirect to an address: as it stands, by the port where the host is empty, or by a name that the
// capture has shown.
func (w *selfMoves) target(s *analysis.Session, rd resp.Redirect, a *analysis.Answered) (netip.AddrPort, string) {
	host := string(rd.Host)
	switch {
	case host == "":
		return netip.AddrPortFrom(s.Server.Addr(), rd.Port), "the host is empty, which means the same host, and the port is its own"
	case host == "?":
		return netip.AddrPort{}, ""
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), rd.Port), "address and port are its own"
	}
	name := fmt.Sprintf("%s:%d", strings.ToLower(host), rd.Port)
	if known, ok := w.names[name]; ok {
		return known, fmt.Sprintf("the name %s stood for %s earlier in this capture", resp.TextOf([]byte(name)), known)
	}
	if len(w.want) < 64 {
		w.want = append(w.want, followed{s.Client.Addr(), name, rd.Port, a.Exchange.Serves.Time})
	}
	return netip.AddrPort{}, ""
}

func (w *selfMoves) report(a *analysis.Answered, how string, other int64) {
	s, ex := a.Session, a.Exchange
	run := w.r.Run()
	conf := analysis.Proven
	if ex.Flags&(analysis.Uncertain|analysis.AfterHole) != 0 {
		conf = analysis.Possible
	}
	text := resp.TextOf(a.Reply.Text).Short(80)
	key := run.Key(ex)
	w.r.Add(analysis.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: ex.Serves.Time, Severity: analysis.High, Confidence: conf,
		Evidence: func() analysis.Example {
			return analysis.Example{
				File: run.File(ex.Serves.File), Frames: frames(other, ex.Frame, ex.Serves.Frame),
				Facts: []string{
					fmt.Sprintf("%s answered %s %s with %q", s.Server, ex.CommandName(), key, text), how,
				},
			}
		},
	})
}
