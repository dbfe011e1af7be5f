package analysis

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
)

// Doubt is something that a fault could hide behind, and the flags that would decide it.
type Doubt struct {
	Why    string // half a sentence: "most connections began before the capture"
	Decide string // "--policy 10.0.0.1=lockstep"; empty: no flag would
}

// maxLongWaits bounds the clients whose longest wait is remembered.
const maxLongWaits = 1 << 12

// longWaits is the longest wait of each kind of client after which a connection was used again. Whether its caller was
// still there when the reply came depends on the client's read timeout.
type longWaits struct {
	of    map[*client.Population]longWait
	limit *bound.Bound
}

type longWait struct {
	wait  time.Duration
	group *client.Group // of one of its connections
}

func newLongWaits(set *bound.Set) longWaits {
	return longWaits{map[*client.Population]longWait{}, set.New(bound.Bound{
		Name: "clients with long waits", Limit: maxLongWaits, Hides: "whether the read timeouts of further clients would have to be known",
	})}
}

// waited takes a reply. A blocking command's is as late as its caller wants it.
func (w *longWaits) waited(s *Session, ex *pairing.Exchange) {
	if wait := ex.Serves.FirstTime.Sub(ex.EndTime); wait >= pairing.SuspectGap && ex.Flags&pairing.Blocks == 0 {
		s.longest = max(s.longest, wait)
	}
}

// usedAgain takes a command: the connection was kept.
func (w *longWaits) usedAgain(s *Session) {
	if s.longest == 0 || s.caller.Group == nil {
		return
	}
	pop := s.caller.Group.Pop
	if was, known := w.of[pop]; known && was.wait < s.longest || !known && w.limit.Admits(len(w.of)) {
		w.of[pop] = longWait{s.longest, s.caller.Group}
	}
	s.longest = 0
}

// doubtsOf returns what a fault could hide behind. What the capture lost, the rules RS9xx say.
func doubtsOf(r *Run) (all []Doubt) {
	sum := r.Summary()
	if sum.MidStream*2 > sum.RESP {
		all = append(all, Doubt{
			Why: fmt.Sprintf("%d of %d connections began before the capture, and nothing shows that their callers were not behind by then", sum.MidStream, sum.RESP),
		})
	}
	unjudged := map[netip.Addr]bool{}
	for _, u := range r.Unjudged() {
		unjudged[u.Client] = true
		all = append(all, Doubt{
			Why: fmt.Sprintf("%s wrote on before a reply %s, and nobody can tell whether it is meant to",
				u.Client, incident.Counted(u.Times, "time", "times")),
			Decide: fmt.Sprintf("--policy %s=lockstep if each of its calls waits for its reply", u.Client),
		})
	}
	all = append(all, r.waits.doubts(r, unjudged)...)
	if sum.Suppressed > 0 {
		all = append(all, Doubt{Why: incident.Counted(int(sum.Suppressed), "claim was", "claims were") + " too weak to be made"})
	}
	if sum.Encrypted > 0 && sum.RESP > 0 {
		all = append(all, Doubt{Why: incident.Counted(int(sum.Encrypted), "connection is", "connections are") + " encrypted"})
	}
	slices.SortStableFunc(all, func(a, b Doubt) int { return cmp.Compare(min(len(b.Decide), 1), min(len(a.Decide), 1)) }) // what can be decided first
	return all
}

// doubts names the clients whose read timeout is not known and that waited longer than anything shows that they wait. Of
// those whose policy is not known either it decides nothing.
func (w *longWaits) doubts(r *Run, unjudged map[netip.Addr]bool) (all []Doubt) {
	longest := map[netip.Addr]time.Duration{}
	for pop, x := range w.of {
		if unjudged[pop.Client] {
			continue
		}
		if _, given := r.GivenTimeout(pop.Client); given || len(pop.Estimate().Values) > 0 || x.wait <= pop.Patient || !r.StanceOf(x.group).Reads() {
			continue
		}
		longest[pop.Client] = max(longest[pop.Client], x.wait)
	}
	clients := make([]netip.Addr, 0, len(longest))
	for c := range longest {
		clients = append(clients, c)
	}
	slices.SortFunc(clients, func(a, b netip.Addr) int { return cmp.Or(cmp.Compare(longest[b], longest[a]), a.Compare(b)) })
	for _, c := range clients {
		all = append(all, Doubt{
			Why: fmt.Sprintf("%s got replies up to %s late and used the connection again; if it waits for less, its next calls got the wrong replies",
				c, incident.SettingText(longest[c].Round(time.Millisecond))),
			Decide: fmt.Sprintf("--read-timeout %s=%s if it is set to that, else its true value", c, below(longest[c])),
		})
	}
	return all
}

// below is the largest timeout that people set, 1, 2 or 5 of a decade, that a wait exceeds.
func below(wait time.Duration) time.Duration {
	best := time.Millisecond
	for step := time.Millisecond; step < wait && step < time.Hour; step *= 10 {
		for _, t := range []time.Duration{step, 2 * step, 5 * step} {
			if t < wait {
				best = max(best, t)
			}
		}
	}
	return best
}
