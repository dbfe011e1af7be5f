package client

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
)

// Learning a policy from how a group sends.
const (
	learnSends      = 200  // clean sends without an overlap that say something by their number
	learnSome       = 20   // … and the least that say anything
	expectStrong    = 6.0  // overlaps expected of independent callers, none seen: chance 0.25 %
	expectLikely    = 3.0  // … 5 %
	expectSome      = 1.0  // … 37 %: says next to nothing
	multiplexEvents = 3    // overlaps with short gaps that make a multiplexer
	multiplexShare  = 1000 // … if they are at least one in so many sends
	multiplexGap    = 5 * time.Millisecond
	poolSize        = 3 // simultaneous connections that look like a pool
)

// groupKey tells clients of one kind apart: who, to which server, with which set-up.
type groupKey struct {
	client    netip.Addr
	server    netip.AddrPort
	signature uint64
}

// Group is the connections of one client address to one server with the same set-up.
type Group struct {
	Client  netip.Addr
	Server  netip.AddrPort
	Library Library
	Pop     *Population
	learned
	open    int
	maxOpen int
	reg     *Registry
	key     groupKey
	idle    idleLinks
}

// learned is what the clean sends of connections say about a client.
type learned struct {
	sends     int     // clean sends: the first command of a segment
	overlaps  int     // … written before an earlier reply
	fast      int     // … soon after the previous command
	Pipelined int     // further commands of a segment
	expected  float64 // overlaps that independent callers at this rate would have caused
	Latencies MedianSketch
}

// Population is the clients of one kind behind one address, to whatever servers: they share a read timeout.
type Population struct {
	Client     netip.Addr
	Announced  Library
	parameters *Parameters
	named      bool
	async      bool
	learned    // sum over its groups
	groups     int
	Samples    []sample
	sampled    int // samples that there ever were
	Reuses     int // waits that ended with another command, whether or not they are samples
	timeouts   Timeouts
	estimated  int // samples that the estimate has seen
	maxOpen    int
	Patient    time.Duration // longest silence that one of its connections sat out twice
	jedis      int           // connections closed as Jedis without a password does: QUIT, +OK, RST
	heals      int           // dirty connections closed and replaced at once, as pools do that look for unread bytes
	repertory  [8]uint64
	slow       [16]slowReply
	nslow      int
}

type populationKey struct {
	client    netip.Addr
	signature uint64
}

// Basis of a stance.
const (
	BasisNone    StanceBasis = iota // nothing is known
	BasisLearned                    // from the clean sends of the group
	BasisGuessed                    // from habits of a library
	BasisNamed                      // the library gave its name
	BasisGiven                      // the user said so
)

// StanceBasis says how a policy was decided.
type StanceBasis uint8

// Stance is what is believed of a client's policy.
type Stance struct {
	Policy     Policy
	Basis      StanceBasis
	Confidence pairing.Confidence // Suppressed: nothing is to be reported
	Sends      int
	// Alone says that the policy was learned from one or two connections, and that nothing else speaks for it: a client
	// that throws late replies away, and has one caller at a time, sends just so.
	Alone bool
}

// reads reports whether the client's callers can be modelled as reading one after the other.
func (st Stance) Reads() bool { return st.Policy != PolicyMultiplex && st.Policy != PolicyAsync }

// settled reports whether nothing that follows can change the stance, and no judgement depends on a read timeout.
func (st Stance) Settled() bool {
	return !st.Reads() && st.Basis >= BasisNamed
}

// send counts a clean send that came gap after the one before it, whose reply took latency. Callers that share a
// connection and know nothing of one another would have written into the time of that reply with the chance latency/gap,
// so the sum of these is the number of overlaps that a multiplexer would have shown by now. A latency of 0 says that this
// send shows nothing.
func (g *Group) send(overlap bool, gap, latency time.Duration) {
	expected := 0.0
	if latency > 0 && gap > 0 {
		expected = min(1, float64(latency)/float64(gap))
	}
	fast := overlap && gap < multiplexGap
	g.learned.send(overlap, fast, expected)
	g.Pop.learned.send(overlap, fast, expected)
}

func (l *learned) send(overlap, fast bool, expected float64) {
	l.sends++
	l.expected += expected
	if overlap {
		l.overlaps++
	}
	if fast {
		l.fast++
	}
}

// policy learns from clean sends. That a client never overlapped says nothing by itself: a multiplexer with little to
// do looks the same. What counts is how many overlaps independent callers would have caused at that rate.
func (l *learned) policy(pool bool) (Policy, pairing.Confidence) {
	switch {
	case l.fast >= multiplexEvents && l.fast*multiplexShare >= l.sends:
		return PolicyMultiplex, pairing.Likely
	case l.overlaps > 0 || l.sends < learnSome:
	case l.sends >= learnSome && l.expected >= expectStrong, l.sends >= learnSends && pool && l.expected >= expectLikely:
		return PolicyLockstep, pairing.Strong
	case l.expected >= expectLikely:
		return PolicyLockstep, pairing.Likely
	case l.sends >= learnSends && l.expected >= expectSome:
		return PolicyLockstep, pairing.Possible
	}
	return PolicyUnknown, pairing.Suppressed
}

// stance says what policy the connection's client has, and how that is known.
func (s *Conn) Stance() Stance {
	return s.Reg.StanceOf(s.Client.Addr(), s.Group, s.handshake.sentinel)
}

// stanceOf says what policy the clients of a group have.
func (reg *Registry) StanceOf(client netip.Addr, g *Group, sentinel bool) Stance {
	if g == nil {
		return Stance{}
	}
	if p, ok := reg.givenPolicy(client); ok {
		return Stance{Policy: p, Basis: BasisGiven, Confidence: pairing.Strong}
	}
	pop := g.Pop
	if pop.async || sentinel {
		return Stance{Policy: PolicyAsync, Basis: BasisNamed, Confidence: pairing.Strong}
	}
	if pop.named && pop.Announced.Policy != PolicyUnknown {
		return Stance{Policy: pop.Announced.Policy, Basis: BasisNamed, Confidence: pairing.Strong}
	}
	pool := pop.maxOpen >= poolSize
	l := &g.learned
	policy, conf := l.policy(pool)
	if wide, c := pop.learned.policy(pool); policy != PolicyMultiplex && (wide == PolicyMultiplex || c > conf) {
		l, policy, conf = &pop.learned, wide, c
	}
	hint := pop.corroborated()
	switch {
	case policy == PolicyMultiplex:
	case policy == PolicyLockstep && hint:
		conf = max(conf, pairing.Likely, pop.habits())
	case policy == PolicyLockstep && !pool:
		return Stance{Policy: policy, Basis: BasisLearned, Confidence: min(conf, pairing.Likely), Sends: l.sends, Alone: true}
	case policy == PolicyUnknown && pop.jedis > 0 && l.fast == 0:
		return Stance{Policy: PolicyLockstep, Basis: BasisGuessed, Confidence: max(pairing.Likely, pop.habits()), Sends: l.sends}
	case policy == PolicyUnknown && hint && l.fast == 0:
		return Stance{Confidence: pairing.Possible, Sends: l.sends}
	case policy == PolicyUnknown:
		return Stance{Sends: l.sends}
	}
	return Stance{Policy: policy, Basis: BasisLearned, Confidence: conf, Sends: l.sends}
}

// habits is how surely a client that closes like Jedis is one that waits for each reply: strongly, if it does so again and
// again and its waits show a read timeout of their own, which a client that shares connections has no use for.
func (p *Population) habits() pairing.Confidence {
	if ts := p.Estimate(); p.jedis >= 3 && ts.fixed() && !ts.Values[0].Reused {
		return pairing.Strong
	}
	return pairing.Suppressed
}

// corroborated reports whether something besides its sends shows that this client waits for each reply: a read timeout
// of its own, or the habits of a pool.
func (p *Population) corroborated() bool {
	ts := p.Estimate()
	return p.jedis > 0 || p.heals > 0 || ts.fixed() && !ts.Values[0].Reused // periodic commands look like reuse after a timeout
}

// plainLevel is the confidence of a healthy belief.
func (g *Group) PlainLevel() pairing.Confidence {
	if g.overlaps == 0 && g.expected >= expectLikely {
		return pairing.Strong
	}
	return pairing.Likely
}

// minGap is the shortest gap to the previous command that a client of learned policy needs before it is said to have
// given up: max(20 ms, 5 x median latency).
func (g *Group) MinGap() time.Duration {
	if d := g.Pop.parameters.MinGap; d > 0 {
		return d
	}
	return max(pairing.SuspectGap, 5*g.Latencies.Median())
}

// opened and closed count simultaneous connections.
func (g *Group) opened() {
	g.reg.idle.remove(g)
	g.open++
	g.maxOpen = max(g.maxOpen, g.open)
	g.Pop.maxOpen = max(g.Pop.maxOpen, g.open)
}

// Closed counts the end of one of the group's connections.
func (g *Group) Closed() {
	if g.open--; g.open == 0 {
		g.reg.idle.push(g)
	}
}

// Population returns the clients of the group's kind behind its address, to whatever servers.
func (g *Group) Population() *Population { return g.Pop }

// Waits returns what is known of how long the population waits for replies; of no population nothing is.
func (p *Population) Waits() *Timeouts {
	if p == nil {
		return &Timeouts{}
	}
	return p.Estimate()
}

// Lib returns what is known of the population's library; of no population nothing is.
func (p *Population) Lib() Library {
	if p == nil {
		return Library{}
	}
	return p.Library()
}

// policyWord names the policy: a lockstep client that also writes batches is said to pipeline.
func (g *Group) PolicyWord(st Stance) string {
	if st.Policy == PolicyLockstep && g.Pipelined*20 > g.sends {
		return PolicyPipelines.String()
	}
	return st.Policy.String()
}

// library returns what is known of the population's library.
func (p *Population) Library() Library {
	if p.Announced.Name == "" && p.jedis > 0 {
		return Library{Name: "jedis", Policy: PolicyLockstep, Guessed: true}
	}
	if p.Announced.Name == "" && p.heals > 0 {
		return Library{Name: "redis-py", Policy: PolicyLockstep, Cancels: true, Guessed: true}
	}
	return p.Announced
}
