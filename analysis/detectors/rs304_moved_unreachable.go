package detectors

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// maxTargets bounds the targets of redirects that are followed, and maxAttempts the connections to them.
const (
	maxTargets  = 4096
	maxAttempts = 1 << 14
)

// MovedUnreachable is RS304: a redirect to where the client cannot go.
func MovedUnreachable() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS304", Name: "moved-unreachable", Severity: incident.High, Since: "0.1.0",
		Summary: "a redirect points to an address that the client cannot reach",
		Params: []incident.Param{
			{Name: "connect_wait", Default: "3s", Meaning: "how long a connection to the target may take"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &targets{
				r: r, wait: r.Duration("connect_wait"), known: map[targetKey]*target{}, attempts: map[int64]*target{}, used: map[netip.AddrPort]bool{},
				targets: r.EvidenceBound(maxTargets, "targets of redirects", "redirects to further targets"),
				tries:   r.EvidenceBound(maxAttempts, "connections to targets of redirects", "what became of further connections"),
				ends:    r.DetailBound(maxTargets, "ends of connections from before the capture", "which further addresses are in use: redirects to them are possible faults at most"),
			}
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s is sent to %s, which it cannot reach: %s", f.Client, f.Server, incident.Counted(f.Count, "redirect", "redirects"))
			}
			r.Remedy = func(f *incident.Finding) string {
				return fmt.Sprintf("Clients cannot reach %s. Set cluster-announce-ip, cluster-announce-port and cluster-announce-tls-port to an address "+
					"that is valid for them (docker, Kubernetes, address translation).", f.Server)
			}
			return analysis.Hooks{Redirect: w.see, Opened: w.opened, Control: w.control, Ended: w.ended, Finish: w.finish}
		},
	}
}

type targetKey struct {
	client netip.Addr
	addr   netip.AddrPort
}

// target is one address that a client was sent to, with what came of it.
type target struct {
	key       targetKey
	asked     netip.AddrPort // the node that first sent the client there
	client    netip.AddrPort
	conn      int64
	redirects int
	at        capture.Time // of the first redirect
	frames    []int64
	file      int32
	text      string
	weakened  bool

	syns, refused int
	firstSyn      capture.Time
	lastFrame     int64
	tries         int // connections
	answered      bool
}

// targets follows redirects to their ends.
type targets struct {
	r                    *analysis.Reporter
	wait                 time.Duration // how long a connection to a redirect's target may take
	known                map[targetKey]*target
	attempts             map[int64]*target       // by connection
	used                 map[netip.AddrPort]bool // ends of connections that were open when the capture began
	targets, tries, ends *bound.Bound            // of the three
}

func (w *targets) see(e *cluster.Redirected) {
	if !e.Target.IsValid() || e.Target == e.Session.Server {
		return
	}
	key := targetKey{e.Session.Client.Addr(), e.Target}
	t := w.known[key]
	if t == nil {
		if !w.targets.Admits(len(w.known)) {
			return
		}
		ex := e.Exchange
		t = &target{
			key: key, asked: e.Session.Server, client: e.Session.Client, conn: e.Session.ID, at: ex.Serves.Time,
			frames: frames(ex.Frame, ex.Serves.Frame), file: ex.Serves.File, text: answeredWith(w.r.Run(), e), weakened: !e.Certain(),
		}
		w.known[key] = t
	}
	t.redirects++
}

// opened takes a connection to a target.
func (w *targets) opened(o *analysis.Opened) {
	if o.Segment.Flags&reassembly.SYN == 0 {
		w.use(o.Session.Server)
		if !o.Session.RoleKnown { // it may be the server
			w.use(o.Session.Client)
		}
	}
	t := w.known[targetKey{o.Session.Client.Addr(), o.Session.Server}]
	if t == nil || t.answered {
		return
	}
	if o.Segment.Flags&reassembly.SYN == 0 || o.Segment.Flags&reassembly.ACK != 0 {
		t.answered = true // in use already
		return
	}
	if w.tries.Admits(len(w.attempts)) {
		w.attempts[o.Session.ID] = t
		t.tries++
	}
}

// use remembers an end.
func (w *targets) use(end netip.AddrPort) {
	if !w.used[end] && w.ends.Admits(len(w.used)) {
		w.used[end] = true
	}
}

// control takes what became of it.
func (w *targets) control(c *analysis.Control) {
	t := w.attempts[c.Session.ID]
	if t == nil {
		return
	}
	flags := c.Segment.Flags
	switch {
	case c.FromClient && flags&reassembly.SYN != 0:
		if t.syns++; t.firstSyn == 0 {
			t.firstSyn = c.Segment.Time
		}
		t.lastFrame = c.Segment.Frame
	case !c.FromClient && flags&reassembly.RST != 0 && c.Session.Replies() == 0:
		t.refused++
		t.lastFrame = c.Segment.Frame
		delete(w.attempts, c.Session.ID)
	case !c.FromClient:
		t.answered = true
		delete(w.attempts, c.Session.ID)
	}
}

// ended takes the end of a connection of which the server's packets may be missing: a client that sends commands has
// been answered.
func (w *targets) ended(e *analysis.Ended) {
	if t := w.attempts[e.Session.ID]; t != nil {
		t.answered = t.answered || e.Session.Commands() > 0
		delete(w.attempts, e.Session.ID)
	}
}

// finish reports the targets that never answered anybody.
func (w *targets) finish(r *analysis.Run) {
	all := make([]*target, 0, len(w.known))
	for _, t := range w.known {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *target) int {
		return cmp.Or(cmp.Compare(a.at, b.at), a.key.client.Compare(b.key.client), a.key.addr.Compare(b.key.addr))
	})
	end := r.Summary().Last
	for _, t := range all {
		if t.answered || r.Topology().Known(t.key.addr) || w.used[t.key.addr] {
			continue // it answers somebody: a node that is down, or another client's path
		}
		silent := t.syns > 0 && end.Sub(t.firstSyn) >= w.wait
		class := foreignClass(t.asked.Addr(), t.key.addr.Addr())
		switch {
		case (t.refused > 0 || silent) && (r.Topology().Lossy(t.asked) || r.Topology().Lossy(t.key.addr) || t.refused == 0 && t.syns < 2):
			w.report(t, pairing.Likely, class) // the answer may have been lost with the capture
		case t.refused > 0 || silent:
			w.report(t, pairing.Proven, class)
		case t.tries == 0 && class != "" && !t.key.client.IsPrivate() && !t.key.client.IsLoopback():
			w.report(t, pairing.Likely, class)
		}
	}
}

func (w *targets) report(t *target, level pairing.Confidence, class string) {
	if t.weakened {
		level = level.Down()
	}
	if w.ends.Hits > 0 {
		level = min(level, pairing.Possible) // the target may be in use: not all ends are remembered
	}
	w.r.Add(incident.Occurrence{
		Client: t.client, Server: t.key.addr, Conn: t.conn, Time: t.at, Count: t.redirects, Severity: incident.High, Confidence: level, Weakened: t.weakened,
		Evidence: func() incident.Example {
			e := incident.Example{
				Conn: t.conn, Client: t.client, Server: t.asked, File: w.r.Run().File(t.file), Frames: frames(append(t.frames, t.lastFrame)...), Facts: []string{t.text},
				Filter: w.r.Run().Filter(netip.AddrPortFrom(t.key.client, 0), netip.AddrPort{}),
			}
			if t.refused > 0 {
				e.Facts = append(e.Facts, fmt.Sprintf("%s to %s refused with RST (last frame %d): nothing listens there",
					incident.Counted(t.refused, "connection was", "connections were"), t.key.addr, t.lastFrame))
			} else if t.syns > 0 {
				e.Facts = append(e.Facts, fmt.Sprintf("%s to %s from %s on, none was answered (last frame %d)",
					incident.Counted(t.syns, "SYN was sent", "SYNs were sent"), t.key.addr, at(t.firstSyn), t.lastFrame))
			} else {
				e.Facts = append(e.Facts, fmt.Sprintf("no packet of %s is in this capture, and no attempt to reach it", t.key.addr))
			}
			if class != "" {
				e.Facts = append(e.Facts, class)
			}
			e.Facts = append(e.Facts, fmt.Sprintf("%s never answered anybody in this capture: not a node that went down", t.key.addr))
			return e
		},
	})
}

// foreignClass says how a target's address is of another kind than that of the node that named it, or nothing.
func foreignClass(asked, target netip.Addr) string {
	switch {
	case target.IsLoopback() && !asked.IsLoopback():
		return fmt.Sprintf("%s is the client's own host: a loopback address", target)
	case target.IsLinkLocalUnicast() && !asked.IsLinkLocalUnicast():
		return fmt.Sprintf("%s is link-local, the node that named it is not", target)
	case target.IsPrivate() && asked.IsGlobalUnicast() && !asked.IsPrivate():
		return fmt.Sprintf("%s is a private address (RFC 1918, RFC 4193), the node that named it answers at the public %s", target, asked)
	}
	return ""
}
