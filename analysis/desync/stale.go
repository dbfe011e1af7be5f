package desync

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// corroborated says how sure it is, beside what the reader weighs, that the caller of ex got a reply from before the
// capture, and why: next was written before a byte came, by a client whose callers are known to take turns. One fact that
// only fits a connection which was behind makes it likely, two make it strong.
func corroborated(c *Callers, ex, next *pairing.Exchange) (level pairing.Confidence, why []string) {
	if policy, basis := c.Known(); c.Kind == pairing.TLS || basis < client.Guessed || !policy.TakesTurns() || next == nil || !flat(ex, next) {
		return pairing.Suppressed, nil
	}
	if ex.HasTS && ex.AckedTS != 0 && ex.Served {
		// Timestamps count milliseconds on Linux. A segment of the server that came sooner before the command than its own
		// reply after it was to somebody else's.
		if age := ex.AckedTS - ex.TsEcr; age > 0 && time.Duration(age)*time.Millisecond < ex.Serves.FirstTime.Sub(ex.EndTime) {
			why = append(why, fmt.Sprintf("its TSecr shows that the connection had received a segment of the server about %d ms before: it had just been in use", age))
		}
	}
	if x := &c.Closing; x[pairing.RoleServer].Fin && !x[pairing.RoleClient].Fin && !x[pairing.RoleClient].Rst {
		why = append(why, "the connection leaks afterwards: the server closed it and the client never did")
	}
	return []pairing.Confidence{pairing.Suppressed, pairing.Likely, pairing.Strong}[len(why)], why
}

// after returns the first command behind the write of ex, which is the first that waits for its verdict; nil: there is none.
func after(c *Callers, ex *pairing.Exchange) *pairing.Exchange {
	for _, next := range c.Log.Rest() {
		if next.Batch != ex.Batch {
			return next
		}
	}
	return nil
}

// noteStale keeps a pair of commands of which the first was answered from before the capture.
func noteStale(c *Callers, ex, next *pairing.Exchange) {
	if !flat(ex, next) {
		return
	}
	d := c.trouble()
	d.StaleReads++
	d.StaleLevel = max(d.StaleLevel, ex.Belief.Confidence)
	d.Use, d.Library = c.Use(), c.Pop.Library()
	if len(d.Stale) < maxVictims {
		r := StaleRead{First: *ex, Second: *next, Gap: next.Time.Sub(ex.EndTime), RTT: c.MinRTT}
		r.First.Session, r.Second.Session = nil, nil
		d.Stale = append(d.Stale, r)
	}
}
