package desync

import (
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/reassembly"
)

// Use is how a client uses its connections, and how that is known.
type Use struct {
	Policy client.Policy
	Basis  client.Basis
	Word   reader.Word // how sure it is
}

// useOf reads a use off what is known beside the traffic, and, where that is nothing, off the kinds of reader.
func useOf(policy client.Policy, basis client.Basis, kinds *[client.NumKinds]float64, batches float64) Use {
	share := client.TurnsShare(kinds)
	inferred := client.PolicyOf(share > 0.5, batches)
	sure := reader.WordOf(max(share, 1-share))
	switch {
	case basis >= client.Named && policy.TakesTurns():
		return Use{client.PolicyOf(true, batches), basis, reader.Strong}
	case basis >= client.Named:
		return Use{policy, basis, reader.Strong}
	case sure >= reader.Likely && (basis == client.Inferred || inferred.TakesTurns() != policy.TakesTurns()):
		return Use{inferred, client.Inferred, sure}
	case basis == client.Guessed:
		return Use{policy, basis, max(reader.Likely, sure)}
	}
	return Use{Word: reader.Unknown}
}

// Use says how the connection is used, as far as that is known by now.
func (c *Callers) Use() Use {
	policy, basis := c.Known()
	kinds, batches, _ := c.Judging.reader.Kinds(c.key())
	if c.weighed {
		kinds = c.kinds
	}
	return useOf(policy, basis, &kinds, batches)
}

// Weighed reports whether the connection itself was weighed, and not its population alone.
func (c *Callers) Weighed() bool { return c.weighed }

// UseOf says how a population uses its connections, as far as that is known by now.
func (j *Judging) UseOf(clients *client.Registry, p *client.Population) Use {
	policy, basis := clients.Known(p.Client, p)
	kinds, batches, _ := j.reader.Kinds(reader.Key{Client: p.Client, SetUp: p.SetUp})
	return useOf(policy, basis, &kinds, batches)
}

// Habits returns what a population was found to do; nil: nothing is known of it.
func (j *Judging) Habits(p *client.Population) *reader.Habits {
	if p == nil {
		return nil
	}
	return j.reader.Habits(reader.Key{Client: p.Client, SetUp: p.SetUp})
}

// decided reports whether it is known, or likely, that the callers of the connection, or of its population, take turns, or
// that they do not.
func (c *Callers) decided() bool {
	if policy, basis := c.Known(); c.Start == reassembly.MidStream && (basis == client.Inferred || policy == client.PolicyUnknown) {
		return false // callers that are behind from before the capture go on too soon, as several that share a connection do
	}
	return c.Use().Word >= reader.Likely || c.Pop != nil && c.Judging.UseOf(c.Reg, c.Pop).Word >= reader.Likely
}

// Timeout is a fixed time after which the callers of a client give up.
type Timeout struct {
	T         time.Duration // 0: none is known
	Low, High time.Duration // quartiles of the waits that ended by it
	N         int           // these
	Given     bool          // the user said so
}

// TimeoutOf is a timeout that a population was found to have.
func TimeoutOf(t *reader.Timeout) Timeout {
	return Timeout{T: seconds(t.Set), Low: seconds(t.Low), High: seconds(t.High), N: int(t.Found + 0.5)}
}

// timeout is the fixed timeout of the population that a wait of this length ended by; T 0: none.
func (c *Callers) timeout(gap time.Duration) Timeout {
	if t, ok := c.Reg.GivenTimeout(c.Client.Addr()); ok {
		return Timeout{T: t, Low: t, High: t, Given: true}
	}
	if c.habits == nil || c.habits.Cancels() {
		return Timeout{}
	}
	for i := range c.habits.Timeouts {
		if t := &c.habits.Timeouts[i]; seconds(t.From) <= gap {
			return TimeoutOf(t)
		}
	}
	return Timeout{}
}

func seconds(s float64) time.Duration { return time.Duration(s*float64(time.Second) + 0.5) }
