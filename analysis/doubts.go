package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
)

// Doubt is something that a fault could hide behind, and the flags that would decide it.
type Doubt struct {
	Why    string // half a sentence: "most connections began before the capture"
	Decide string // "--policy 10.0.0.1=lockstep"; empty: no flag would
}

// doubtsOf returns what a fault could hide behind. What the capture lost, the rules RS9xx say.
func doubtsOf(r *Run) (all []Doubt) {
	sum := r.Summary()
	if sum.MidStream*2 > sum.RESP {
		all = append(all, Doubt{
			Why: fmt.Sprintf("%d of %d connections began before the capture, and nothing shows that their callers were not behind by then", sum.MidStream, sum.RESP),
		})
	}
	clients := r.Undecided()
	all = append(all, undecided(clients)...)
	others := int(sum.Suppressed)
	for _, u := range clients {
		others -= u.Unclaimed
	}
	if others > 0 {
		all = append(all, Doubt{Why: incident.Counted(others, "claim was", "claims were") + " too weak to be made"})
	}
	if sum.Encrypted > 0 && sum.RESP > 0 {
		why := incident.Counted(int(sum.Encrypted), "connection is", "connections are") + " encrypted"
		if sum.Decrypted > 0 {
			why = fmt.Sprintf("%d of %s with TLS could not be read", sum.Encrypted, incident.Counted(int(sum.Encrypted+sum.Decrypted), "connection", "connections"))
		}
		all = append(all, Doubt{Why: why})
	}
	slices.SortStableFunc(all, func(a, b Doubt) int { return cmp.Compare(min(len(b.Decide), 1), min(len(a.Decide), 1)) }) // what can be decided first
	return all
}

// undecided names the clients of which it cannot be told what their callers got, and the flags that would decide it.
func undecided(clients []*desync.Undecided) (all []Doubt) {
	clients = slices.Clone(clients)
	slices.SortStableFunc(clients, func(a, b *desync.Undecided) int { return cmp.Compare(b.Longest, a.Longest) })
	for _, u := range clients {
		if n := u.Overlaps.Times; n > 0 {
			all = append(all, Doubt{
				Why:    fmt.Sprintf("%s wrote on before a reply %s, and nobody can tell whether it is meant to", u.Client, incident.Counted(n, "time", "times")),
				Decide: policies(u),
			})
		}
		if n := u.Weak.Times; n > 0 {
			d := Doubt{Why: fmt.Sprintf("%s used connections again %s after a caller had given up, and nobody can tell whether later callers got the late replies",
				u.Client, incident.Counted(n, "time", "times"))}
			if !u.Named && u.Overlaps.Times == 0 {
				d.Decide = policies(u)
			}
			all = append(all, d)
		}
		if u.Late.Times > 0 {
			all = append(all, Doubt{
				Why: fmt.Sprintf("%s got replies up to %s late and used the connection again; if it waits for less, its next calls got the wrong replies",
					u.Client, incident.SettingText(u.Longest.Round(time.Millisecond))),
				Decide: fmt.Sprintf("--read-timeout %s=%s, or what it is set to", u.Client, Below(u.Longest)),
			})
		}
	}
	return all
}

// policies are the flags that say what a client does with replies.
func policies(u *desync.Undecided) string {
	return fmt.Sprintf("--policy %s=lockstep if each call takes the next reply, =multiplex if each waits for its own", u.Client)
}

// Below is the largest timeout that people set, 1, 2 or 5 of a decade, that a wait exceeds.
func Below(wait time.Duration) time.Duration {
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
