package detectors

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// MaxclientsReject is RS204: the server refused connections because it was at its limit of clients.
func MaxclientsReject() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS204", Name: "maxclients-reject", Severity: incident.Critical, Since: "0.1.0",
		Summary: "the server refused connections: max number of clients reached",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS202", "RS201"}, Share: incident.SameServer},
		},
		Step: incident.StepText{One: "1 new connection was refused", Many: "%d new connections were refused"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &refusals{
				r: r, open: map[int64]rejection{}, servers: map[netip.AddrPort]*fullServer{},
				refused: r.EvidenceBound(maxRefused, "refused connections", "further refused connections"),
				full:    r.EvidenceBound(maxFullServers, "servers at their limit", "further servers that refuse connections"),
			}
			w.groups = incident.Keep(r.Collector, incident.Texts[fullServer]{
				Title: func(f *incident.Finding, s *fullServer) string {
					return fmt.Sprintf("%s was at its limit of clients: %s refused", f.Server, was(s.refused, "connection"))
				},
				Remedy: w.remedy,
				Notes:  w.notes,
			})
			return analysis.Hooks{Oddity: w.odd, Ended: w.ended, Finish: w.finish}
		},
	}
}

// holdersShown is how many of the clients with the most connections are named.
const holdersShown = 10

// Bounds of what is stored of refused connections.
const (
	maxRefused     = 1 << 14 // that are not yet over
	maxFullServers = 1 << 10
)

// refusals collects connections that a full server rejected.
type refusals struct {
	r       *analysis.Reporter
	open    map[int64]rejection // refused connections that are not yet over
	servers map[netip.AddrPort]*fullServer
	groups  incident.Facts[fullServer]

	refused, full *bound.Bound // of open and of servers
}

// rejection is one connection refused by the server.
type rejection struct {
	frame int64
	file  int32
	time  capture.Time
	ack   int64
	text  string
}

// fullServer is a server at its limit.
type fullServer struct {
	refused, read, unused, cut int
	first                      incident.Occurrence // the first refusal, reported if no caller read one
	holders                    []holder
	held                       int
	reported                   bool // what is counted here is the group's own
}

// TakeOff is of incident.Lessened.
func (s *fullServer) TakeOff(before any) {
	if b, ok := before.(*fullServer); ok {
		s.refused, s.read, s.unused, s.cut = s.refused-b.refused, s.read-b.read, s.unused-b.unused, s.cut-b.cut
	}
}

// holder is a client and the connections it had when the server was full.
type holder struct {
	client netip.Addr
	open   int
}

func (w *refusals) odd(o *pairing.Oddity) {
	if o.What != pairing.AtAccept || !bytes.Contains(o.Reply.Text, []byte("max number of clients")) {
		return
	}
	s := o.Session
	f := w.servers[s.Server]
	if !w.refused.Admits(len(w.open)) || f == nil && !w.full.Admits(len(w.servers)) {
		return
	}
	w.open[s.ID] = rejection{o.Frame, o.File, o.Time, o.Info.K, resp.TextOf(o.Info.Text.Raw()).Short(60)}
	if f == nil {
		f = &fullServer{}
		w.servers[s.Server] = f
	}
	f.refused++
	if f.refused == 1 {
		f.count(w.r.Run(), s.Server, s.Client.Addr())
	}
}

// count notes which clients had the server's connections when the first was refused: later ones may wait in the kernel's backlog.
func (f *fullServer) count(run *analysis.Run, server netip.AddrPort, refused netip.Addr) {
	var now []holder
	held := 0
	for _, l := range run.Links() {
		if l.Server == server && l.Open > 0 {
			n := l.Open - l.HalfClosed
			if l.Client == refused {
				n--
			}
			now = append(now, holder{l.Client, n})
			held += n
		}
	}
	slices.SortStableFunc(now, func(a, b holder) int { return cmp.Compare(b.open, a.open) })
	f.held, f.holders = held, now[:min(len(now), holdersShown)]
}

// ended decides what became of a refused connection: its caller read the refusal as the answer to a command, or never
// did, because it had not sent a whole command.
func (w *refusals) ended(e *analysis.Ended) {
	s := e.Session
	x, ok := w.open[s.ID]
	if !ok {
		return
	}
	delete(w.open, s.ID)
	f := w.servers[s.Server]
	o := w.occurrence(s, x)
	if f.first.Evidence == nil {
		f.first = o
	}
	switch {
	case s.Commands() == 0:
		f.unused++
		return
	case s.InsideCommand():
		f.cut++
		return
	}
	f.read++
	w.add(f, o)
}

// add reports a refusal of a server. From the first one on the group has what is counted of the server.
func (w *refusals) add(f *fullServer, o incident.Occurrence) {
	kept := w.groups.Add(o)
	if f.reported {
		return
	}
	kept.refused, kept.read, kept.unused, kept.cut = kept.refused+f.refused, kept.read+f.read, kept.unused+f.unused, kept.cut+f.cut
	if kept.holders == nil {
		kept.holders, kept.held = f.holders, f.held
	}
	kept.reported = true
	w.servers[o.Server] = kept
}

func (w *refusals) occurrence(s *analysis.Session, x rejection) incident.Occurrence {
	ex := s.LastExchange()
	run := w.r.Run()
	late := s.Facts().Late.Seen()
	e := incident.Example{
		Conn: s.ID, Client: s.Client, Server: s.Server, File: run.File(x.file), Time: x.time, Frames: frames(x.frame),
	}
	if x.ack <= 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("-%s came in frame %d with ack 1: the server had read nothing, so it answers no command", x.text, x.frame))
	} else {
		e.Facts = append(e.Facts, fmt.Sprintf("-%s came in frame %d with ack %d: the server's kernel had %d bytes, but a server sends this only when it "+
			"accepts a connection, before it reads", x.text, x.frame, rel(x.ack), x.ack))
	}
	if ex != nil {
		e.Frames = frames(min(ex.Frame, x.frame), max(ex.Frame, x.frame))
		if ex.Time > x.time {
			e.Facts = append(e.Facts, fmt.Sprintf("%s (frame %d) was written %s later; its caller reads the refusal as its reply",
				ex.CommandName(), ex.Frame, seconds(ex.Time.Sub(x.time))))
		} else {
			e.Facts = append(e.Facts, fmt.Sprintf("%s (frame %d, its end at %d) was written %s before; this is no reply to it, but its caller reads it as one",
				ex.CommandName(), ex.Frame, rel(ex.End), seconds(x.time.Sub(ex.Time))))
		}
	}
	if late {
		e.Facts = append(e.Facts, "the write met a connection that the server had closed, and was reset (RS206)")
	}
	return incident.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: x.time, Severity: incident.Critical, Confidence: pairing.Proven,
		AnyClient: true, Evidence: func() incident.Example { return e },
	}
}

// finish reports servers whose refusals no caller has read.
func (w *refusals) finish(*analysis.Run) {
	for _, s := range slices.SortedFunc(mapsKeys(w.servers), netip.AddrPort.Compare) {
		if f := w.servers[s]; f.read == 0 && f.first.Evidence != nil {
			f.first.Count = f.refused
			w.add(f, f.first)
		}
	}
}

func (w *refusals) notes(f *incident.Finding, s *fullServer) []string {
	notes := []string{fmt.Sprintf("%s refused in all; %d times a caller read the refusal as the answer to its command",
		was(s.refused, "connection"), s.read)}
	if s.unused+s.cut > 0 {
		notes = append(notes, fmt.Sprintf("not read: %d closed before a whole command was sent, %d in the middle of a further one", s.unused, s.cut))
	}
	for _, l := range w.r.Run().Links() {
		if len(s.holders) > 0 && l.Server == f.Server && l.Client == s.holders[0].client {
			notes = append(notes, overTime(l))
		}
	}
	return notes
}

func (w *refusals) remedy(f *incident.Finding, s *fullServer) string {
	text := "The server is at maxclients. "
	if len(s.holders) > 0 {
		var list []string
		for _, h := range s.holders {
			list = append(list, fmt.Sprintf("%s %d", h.client, h.open))
		}
		text += fmt.Sprintf("Largest holders when the first was refused, of %d connections seen: %s. ", s.held, strings.Join(list, ", "))
	}
	for _, l := range w.r.Run().Links() {
		if l.Server == f.Server {
			if n := leakedPools(l.Pools(), minPoolPeriods); n >= minLivePools {
				text += fmt.Sprintf("%s keeps %d pools alive that carry no data (RS202): close them. ", l.Client, n)
			}
		}
	}
	return text + "Raise maxclients only after the leak is closed. \"Connection reset (Write failed)\" in your log is the same event: the " +
		"server closes at once and your next write hits the closed socket."
}
