package analysis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Bounds of what is remembered for stories.
const (
	maxTaleWaits = 1 << 14 // waits in vain
	maxTaleFates = 1 << 12 // connections that lost their place
)

// tale is what a run remembers so that findings can be tied by cause.
type tale struct {
	waits []vainWait
	fates []fate
	// explained are those of waits, and of the first abandonments of fates, that a stall is behind.
	explained []*vainWait
	conns     map[string]map[int64]struct{} // by fingerprint
	stalls    []*Stall                      // of the runs that this one resumes
}

// vainWait is a caller's wait that ended without a reply.
type vainWait struct {
	conn     int64
	client   netip.Addr
	server   netip.AddrPort
	from, to capture.Time
	frame    int64
	command  string
}

// fate is how one connection lost its place, in short.
type fate struct {
	conn           int64
	client, server netip.AddrPort
	rule           string // of the abandonment: RS101, RS102 or RS115
	abandoned      vainWait
	next           string
	reused         capture.Time
	reusedFrame    int64
	victims        int
	victim         string
	victimTime     capture.Time
	victimFrame    int64
}

// waited takes a wait that ended in vain.
func (t *tale) waited(s *Session, ex *Exchange, gap time.Duration, at capture.Time) {
	if len(t.waits) < maxTaleWaits {
		t.waits = append(t.waits, vainWait{s.ID, s.Client.Addr(), s.Server, at.Add(-gap), at, ex.Frame, ex.CommandName()})
	}
}

// desynced takes a connection that lost its place.
func (t *tale) desynced(r *Run, d *Desync) {
	if len(t.fates) >= maxTaleFates || len(d.Abandoned) == 0 {
		return
	}
	a := &d.Abandoned[0]
	g, n := &a.Given, &a.Next
	f := fate{
		conn: d.Conn, client: d.Client, server: d.Server, rule: "RS101", victims: d.NVictims,
		abandoned: vainWait{d.Conn, d.Client.Addr(), d.Server, g.EndTime, g.EndTime.Add(a.Gap), g.Frame, called(r, g)},
		next:      called(r, n), reused: n.Time, reusedFrame: n.Frame,
	}
	switch a.Why {
	case ByHalf:
		f.rule = "RS115"
	case ByTimeout, ByInference:
		f.rule = "RS102"
		if d.Wait.T > 0 {
			f.abandoned.to = g.EndTime.Add(d.Wait.T)
		}
	}
	if len(d.Victims) > 0 {
		v := &d.Victims[0]
		f.victimTime, f.victimFrame = v.Time, v.Frame
		f.victim = fmt.Sprintf("the caller of %s got %s, the reply to command %d", strings.TrimSpace(v.Command+" "+v.Key), v.Got, v.Believes)
	}
	t.fates = append(t.fates, f)
}

func called(r *Run, ex *Exchange) string {
	return strings.TrimSpace(ex.CommandName() + " " + r.Key(ex))
}

// seen notes which connections a finding is about.
func (t *tale) seen(fingerprint string, conns map[int64]struct{}) {
	if t.conns == nil {
		t.conns = map[string]map[int64]struct{}{}
	}
	t.conns[fingerprint] = conns
}

// hero returns the connection whose fate shows the most of a story: the earliest of those that most findings are about.
func (r *Run) hero(byRule map[string][]*Finding) *fate {
	var best *fate
	t, most := &r.tale, 0
	for i := range t.fates {
		f := &t.fates[i]
		n := 0
		if len(byRule["RS401"]) > 0 && r.topology.StallBehind(f.server, f.abandoned.from, f.abandoned.to) != nil {
			n++
		}
		for _, fs := range byRule {
			for _, x := range fs {
				if _, ok := t.conns[x.Fingerprint][f.conn]; ok {
					n++
					break
				}
			}
		}
		if n > most || n == most && n > 0 && f.abandoned.from < best.abandoned.from {
			best, most = f, n
		}
	}
	return best
}

// because says which rules' findings lead to which: the first that ties with a finding counts, unless all do.
var because = []struct {
	effect string
	causes []string
	tie    tie
}{
	{"RS210", []string{"RS401"}, tieStall},
	{"RS211", []string{"RS401"}, tieStall},
	{"RS210", []string{"RS402"}, tieConns},
	{"RS109", []string{"RS210", "RS211"}, tieEnds},
	{"RS109", []string{"RS401"}, tieStall},
	{"RS101", []string{"RS210", "RS211"}, tieEnds},
	{"RS102", []string{"RS210", "RS211"}, tieEnds},
	{"RS115", []string{"RS210", "RS211"}, tieEnds},
	{"RS101", []string{"RS401"}, tieStall},
	{"RS102", []string{"RS401"}, tieStall},
	{"RS110", []string{"RS401"}, tieStall},
	{"RS101", []string{"RS402"}, tieConns},
	{"RS103", []string{"RS101", "RS102", "RS104", "RS110", "RS113", "RS114", "RS115", "RS107", "RS108", "RS406", "RS408"}, tieConns},
	{"RS106", []string{"RS407"}, tieConns},
	{"RS106", []string{"RS103"}, tieConns},
	{"RS106", []string{"RS101", "RS102", "RS104"}, tieConns},
	{"RS105", []string{"RS103"}, tieConns},
	{"RS117", []string{"RS103"}, tieConns},
	{"RS201", []string{"RS103", "RS106"}, tieConns},
	{"RS201", []string{"RS101", "RS102", "RS104"}, tieConns},
	{"RS208", []string{"RS201"}, tieEnds},
	{"RS204", []string{"RS202", "RS201"}, tieServer},
	{"RS203", []string{"RS202"}, tieEnds},
	{"RS206", []string{"RS204"}, tieEnds},
	{"RS111", []string{"RS307"}, tieTime},
	{"RS305", []string{"RS302"}, tieClient},
}

// tie is what two findings must share to be cause and effect.
type tie uint8

const (
	tieConns  tie = iota // a connection
	tieEnds              // client and server
	tieServer            // the server
	tieClient            // the client
	tieTime              // the effect's time lies in the cause's
	tieStall             // a wait of the effect that the stalls of the cause's server cover by half or more
)

// relate fills in the causes of findings. A finding that has a nearer cause of the same kind of tie is not tied to the
// farther one: a dirty connection follows from the timeout, the timeout from the stall.
func (r *Run) relate(all []Finding) {
	byRule := map[string][]*Finding{}
	for i := range all {
		byRule[all[i].Rule] = append(byRule[all[i].Rule], &all[i])
	}
	r.tale.explain(r)
	for i := range all {
		f := &all[i]
		for _, b := range because {
			if b.effect != f.Rule {
				continue
			}
			if b.tie == tieStall && len(f.Causes) > 0 {
				continue
			}
			if (f.Rule == "RS106" || f.Rule == "RS201") && len(f.Causes) > 0 {
				continue
			}
			for _, rule := range b.causes {
				for _, c := range byRule[rule] {
					if c != f && r.tied(f, c, b.tie) && !slices.Contains(f.Causes, c.Fingerprint) {
						f.Causes = append(f.Causes, c.Fingerprint)
					}
				}
			}
		}
	}
}

// tied reports whether two findings share what a tie asks for.
func (r *Run) tied(effect, cause *Finding, by tie) bool {
	switch by {
	case tieConns:
		return r.shareConn(effect, cause)
	case tieEnds:
		return same(effect.Client, cause.Client) && sameServer(effect, cause)
	case tieServer:
		return sameServer(effect, cause)
	case tieClient:
		return same(effect.Client, cause.Client)
	case tieTime:
		return effect.First >= cause.First && effect.First <= cause.Last.Add(failoverEcho)
	case tieStall:
		return sameServer(effect, cause) && r.stallExplains(effect, cause)
	}
	return false
}

// failoverEcho is how long after the last refused command a failover still tears transactions.
const failoverEcho = 5 * time.Second

func same(a, b netip.Addr) bool { return !a.IsValid() || !b.IsValid() || a == b }

func sameServer(a, b *Finding) bool {
	return !a.Server.IsValid() || !b.Server.IsValid() || a.Server == b.Server
}

// shareConn reports whether two findings are about a common connection.
func (r *Run) shareConn(a, b *Finding) bool {
	x, y := r.connsOf(a), r.connsOf(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	for c := range x {
		if _, ok := y[c]; ok {
			return true
		}
	}
	return false
}

func (r *Run) connsOf(f *Finding) map[int64]struct{} {
	if c := r.tale.conns[f.Fingerprint]; len(c) > 0 {
		return c
	}
	c := map[int64]struct{}{}
	for i := range f.Examples {
		if id := f.Examples[i].Conn; id > 0 {
			c[id] = struct{}{}
		}
	}
	return c
}

// stallExplains reports whether a wait that the effect is about falls into the stalls of the cause's server.
func (r *Run) stallExplains(effect, cause *Finding) bool {
	conns := r.connsOf(effect)
	hit := func(w *vainWait) bool {
		if w.server != cause.Server || effect.Client.IsValid() && w.client != effect.Client {
			return false
		}
		_, ok := conns[w.conn]
		return ok || len(conns) == 0
	}
	return slices.ContainsFunc(r.tale.explained, hit)
}

// explain lists the waits that a stall is behind.
func (t *tale) explain(r *Run) {
	if t.explained = nil; len(r.topology.Stalls()) == 0 {
		return
	}
	add := func(w *vainWait) {
		if r.topology.StallBehind(w.server, w.from, w.to) != nil {
			t.explained = append(t.explained, w)
		}
	}
	for i := range t.fates {
		add(&t.fates[i].abandoned)
	}
	for i := range t.waits {
		add(&t.waits[i])
	}
}
