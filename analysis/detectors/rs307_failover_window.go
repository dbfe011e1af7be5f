package detectors

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// What makes errors the window of a failover.
const (
	maxRefusals   = 64   // latest refusals among which a failover begins
	shownRefusals = 64   // of one failover
	maxHit        = 1024 // clients, servers and commands that are counted one by one in one window
)

// FailoverWindow is RS307: a burst of the errors that a failover, a restart or a migration gives.
func FailoverWindow() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS307", Name: "failover-window", Severity: incident.Medium, Since: "0.1.0",
		Summary: "nodes refused commands as they do during a failover",
		Step:    incident.StepText{One: "a failover made 1 command fail", Many: "failovers made %d commands fail"},
		Params: []incident.Param{
			{Name: "burst", Default: "3", Meaning: "refused writes that make a window"},
			{Name: "within", Default: "5s", Meaning: "how close together, and how long a pause ends it"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &failovers{
				r: r, burst: r.Number("burst"), within: r.Duration("within"),
				latest: r.EvidenceBound(maxRefusals, "refusals outside of failovers", "failovers of which the first refusals were mixed with many others"),
				hit:    r.DetailBound(maxHit, "clients, servers and commands of one failover", "how many more a failover hit"),
			}
			w.kept = incident.Keep(r.Collector, incident.Texts[keptReadonly]{
				Title: func(f *incident.Finding, _ *keptReadonly) string {
					return fmt.Sprintf("failover: %s refused between %s and %s", incident.Counted(f.Count, "command was", "commands were"), at(f.First), at(f.Last))
				},
				Remedy: func(f *incident.Finding, kept *keptReadonly) string {
					text := fmt.Sprintf("Failover from %s to %s. %s failed. Retry them with a pause, after asking for the topology again. See RS111 for "+
						"transactions torn by it.", at(f.First), at(f.Last), incident.Counted(f.Count, "command", "commands"))
					if kept.writes > 0 {
						text += fmt.Sprintf(" Close pooled connections on READONLY, so that the next one resolves the master anew: %s of connection %d were "+
							"refused in %s, and it was kept.", incident.Counted(kept.writes, "command", "commands"), kept.conn, seconds(kept.last.Sub(kept.first)))
					}
					return text
				},
			})
			return analysis.Hooks{Error: w.see, Finish: func(*analysis.Run) { w.close() }}
		},
	}
}

// failoverClasses are the errors of a node that cannot serve now, and will later.
var failoverClasses = []string{"READONLY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "UNBLOCKED", "TRYAGAIN"}

// refusal is one such error.
type refusal struct {
	at             capture.Time
	client         netip.Addr
	server         netip.AddrPort
	conn           int64
	batch          int32
	frame          int64
	class          string
	command, error string
	weakened       bool
}

// failovers finds bursts of refusals.
type failovers struct {
	r      *analysis.Reporter
	burst  int           // writes refused …
	within time.Duration // … in so long
	latest *bound.Bound  // of recent
	hit    *bound.Bound
	kept   incident.Facts[keptReadonly]
	recent []refusal
	open   *outage
}

// keptReadonly is a connection that was used on and on though its node refused each write: a master that became a replica
// answers READONLY for as long as the connection lasts.
type keptReadonly struct {
	conn        int64
	writes      int // refused, counted once a write of the client
	batch       int32
	first, last capture.Time
}

// outage is a burst that goes on.
type outage struct {
	refusals []refusal // the first shownRefusals
	n        int
	last     capture.Time
	file     int32
	clients  map[netip.Addr]int
	servers  map[netip.AddrPort]int
	classes  map[string]int
	commands map[string]int
	readonly map[int64]*keptReadonly
	weakened bool
}

func (w *failovers) see(a *analysis.Answered) {
	text := a.Reply.Text
	i := slices.IndexFunc(failoverClasses, func(c string) bool { return bytes.HasPrefix(text, []byte(c+" ")) })
	if i < 0 {
		return
	}
	s, ex := a.Session, a.Exchange
	f := refusal{
		at: ex.Serves.Time, client: s.Client.Addr(), server: s.Server, conn: s.ID, batch: ex.Batch, frame: ex.Serves.Frame,
		class: failoverClasses[i], command: ex.CommandName(), error: resp.TextOf(text).Short(80),
		weakened: ex.Flags&(pairing.Uncertain|pairing.AfterHole) != 0,
	}
	if w.open != nil && f.at.Sub(w.open.last) > w.within {
		w.close()
	}
	if w.open != nil && (w.open.clients[f.client] > 0 || w.open.servers[f.server] > 0) {
		w.open.add(f, w.hit)
		return
	}
	w.recent = slices.DeleteFunc(w.recent, func(o refusal) bool { return f.at.Sub(o.at) > w.within })
	if !w.latest.Admits(len(w.recent)) {
		w.recent = append(w.recent[:0], w.recent[1:]...)
	}
	w.recent = append(w.recent, f)
	if w.open == nil {
		w.begin(f, ex.Serves.File)
	}
}

// begin opens a window if enough of the latest refusals belong together. What one write was answered counts once.
func (w *failovers) begin(f refusal, file int32) {
	type write struct {
		conn  int64
		batch int32
	}
	writes := map[write]bool{}
	other := false
	for _, o := range w.recent {
		if o.client == f.client || o.server == f.server {
			writes[write{o.conn, o.batch}] = true
			other = other || o.class != "TRYAGAIN" // alone it is a migration of slots
		}
	}
	if len(writes) < w.burst || !other {
		return
	}
	w.open = &outage{file: file, clients: map[netip.Addr]int{}, servers: map[netip.AddrPort]int{}, classes: map[string]int{}, commands: map[string]int{},
		readonly: map[int64]*keptReadonly{}}
	for _, o := range w.recent {
		if o.client == f.client || o.server == f.server {
			w.open.add(o, w.hit)
		}
	}
	w.recent = w.recent[:0]
}

func (o *outage) add(f refusal, hit *bound.Bound) {
	o.n++
	o.last = max(o.last, f.at)
	o.weakened = o.weakened || f.weakened
	if len(o.refusals) < shownRefusals {
		o.refusals = append(o.refusals, f)
	}
	if o.clients[f.client] > 0 || hit.Admits(len(o.clients)) {
		o.clients[f.client]++
	}
	if o.servers[f.server] > 0 || hit.Admits(len(o.servers)) {
		o.servers[f.server]++
	}
	o.classes[f.class]++
	if f.class == "READONLY" {
		o.refusedWrite(f, hit)
	}
	if o.commands[f.command] > 0 || hit.Admits(len(o.commands)) {
		o.commands[f.command]++
	}
}

func (o *outage) refusedWrite(f refusal, hit *bound.Bound) {
	k := o.readonly[f.conn]
	if k == nil {
		if !hit.Admits(len(o.readonly)) {
			return
		}
		k = &keptReadonly{conn: f.conn, first: f.at}
		o.readonly[f.conn] = k
	}
	if k.writes == 0 || k.batch != f.batch {
		k.writes++
	}
	k.batch, k.last = f.batch, f.at
}

// longestKept returns the connection with the most refused writes, if it was used again after enough of them.
func (o *outage) longestKept(least int) (most keptReadonly) {
	for _, k := range o.readonly {
		if k.writes >= least && (k.writes > most.writes || k.writes == most.writes && k.conn < most.conn) {
			most = *k
		}
	}
	return most
}

func (w *failovers) close() {
	o := w.open
	w.open = nil
	if o == nil {
		return
	}
	first := &o.refusals[0]
	level := pairing.Proven
	var notes []string
	if len(o.classes) == 1 && len(o.clients) == 1 && len(o.servers) == 1 {
		level = pairing.Likely
		notes = append(notes, "one client, one node and one kind of error: a client that is set up to write to a replica, or a plain restart, looks the same")
	}
	if o.weakened {
		level = level.Down()
	}
	kept := o.longestKept(w.burst)
	group := w.kept.Add(incident.Occurrence{
		AnyServer: true, AnyClient: true, Time: first.at, Last: o.last, Count: o.n, Severity: incident.Medium, Confidence: level, Weakened: o.weakened,
		Commands: o.commands, Notes: notes,
		Evidence: func() incident.Example {
			e := incident.Example{Time: first.at, File: w.r.Run().File(o.file), Filter: fmt.Sprintf("ip.addr==%s", first.server.Addr())}
			if first.server.Addr().Is6() {
				e.Filter = fmt.Sprintf("ipv6.addr==%s", first.server.Addr())
			}
			var kinds []string
			for _, c := range failoverClasses {
				if n := o.classes[c]; n > 0 {
					kinds = append(kinds, fmt.Sprintf("%s %d", c, n))
				}
			}
			e.Facts = append(e.Facts, fmt.Sprintf("%s in %s: %s; %s, %s",
				incident.Counted(o.n, "refusal", "refusals"), seconds(o.last.Sub(first.at)), strings.Join(kinds, ", "),
				incident.Counted(len(o.clients), "client", "clients"), incident.Counted(len(o.servers), "node", "nodes")))
			if kept.writes > 0 {
				e.Facts = append(e.Facts, fmt.Sprintf("connection %d was kept through %s with READONLY, for %s", kept.conn,
					incident.Counted(kept.writes, "refusal", "refusals"), seconds(kept.last.Sub(kept.first))))
			}
			for i := range o.refusals[:min(len(o.refusals), 8)] {
				f := &o.refusals[i]
				e.Frames = append(e.Frames, f.frame)
				e.Facts = append(e.Facts, fmt.Sprintf("%s: %s answered %s of %s with %q (frame %d)", at(f.at), f.server, f.command, f.client, f.error, f.frame))
			}
			return e
		},
	})
	if kept.writes > group.writes {
		*group = kept
	}
}
