package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Given is what the user said of clients; the zero Addr stands for every client.
type Given struct {
	ReadTimeouts map[netip.Addr]time.Duration
	Policies     map[netip.Addr]Policy
}

// Parameters are the parameters of rules that populations are estimated with. Zero leaves the value to what is learned.
type Parameters struct {
	MinGap         time.Duration // rs101.min_gap
	Slack          time.Duration // rs102.slack
	TimeoutSamples int           // rs102.min_timeout_samples
}

// slackOf is how much later than T a reply must be before it was certainly too late.
func (k *Parameters) slackOf(t time.Duration) time.Duration {
	if k.Slack > 0 {
		return k.Slack
	}
	return max(10*time.Millisecond, t*3/100)
}

// registry holds the populations of one run.
type registry struct {
	given       Given
	parameters  Parameters
	without     ablation
	groups      map[groupKey]*Group
	populations map[populationKey]*Population
	closes      recentCloses
}

func newRegistry(given Given, parameters Parameters) *registry {
	if parameters.TimeoutSamples == 0 {
		parameters.TimeoutSamples = minTimeoutSamples
	}
	return &registry{given: given, parameters: parameters, groups: map[groupKey]*Group{}, populations: map[populationKey]*Population{}}
}

// clientConn is what one connection shows of its client.
type clientConn struct {
	*Paired
	reg       *registry
	sink      clientSink
	group     *Group
	handshake handshake
	beats     beats            // of its sends
	slowAt    capture.Time     // arrival of a slow reply, until the next command; 0: none
	patient   [2]time.Duration // longest silences before a reply after which the client went on promptly
	turns     int              // clean sends after a reply
	quick     int              // of these, sooner after it than it had taken to come
	suspect   bool             // something suspicious happened: what follows teaches nothing about the client's design
	overtaken bool             // a command was written while a reply was due
	closeSeen bool
}

// clientSink is told what the sends of a connection show.
type clientSink interface {
	// GaveUp is called when a caller was seen to stop waiting for the reply to ex.
	GaveUp(ex *Exchange, gap time.Duration, how GaveUp, frame int64, at capture.Time)
}

func (r *registry) givenPolicy(client netip.Addr) (Policy, bool) {
	if p, ok := r.given.Policies[client]; ok {
		return p, true
	}
	p, ok := r.given.Policies[netip.Addr{}]
	return p, ok
}

func (r *registry) givenTimeout(client netip.Addr) (time.Duration, bool) {
	if t, ok := r.given.ReadTimeouts[client]; ok {
		return t, true
	}
	t, ok := r.given.ReadTimeouts[netip.Addr{}]
	return t, ok
}

// groupOf finds or makes the group that a session belongs to.
func (r *registry) groupOf(s *clientConn) *Group {
	h := &s.handshake
	pk := populationKey{s.Client.Addr(), h.signature}
	p := r.populations[pk]
	if p == nil {
		p = &Population{Client: s.Client.Addr(), parameters: &r.parameters}
		r.populations[pk] = p
	}
	if h.named && !p.named {
		p.named, p.Library = true, h.library
	} else if h.library.Name != "" && p.Library.Name == "" {
		p.Library = h.library
	}
	p.async = p.async || h.sentinel
	gk := groupKey{s.Client.Addr(), s.Server, h.signature}
	g := r.groups[gk]
	if g == nil {
		g = &Group{Client: gk.client, Server: gk.server, pop: p}
		r.groups[gk] = g
		p.groups++
	}
	g.opened()
	return g
}

// reconnectWithin is how soon after a close a new connection replaces the old one.
const reconnectWithin = 5 * time.Millisecond

// recentCloses remembers the latest closes of connections on which a command had overtaken a reply: a pool that looks
// for unread bytes replaces such a connection at once.
type recentCloses struct {
	ring [8]struct {
		client netip.Addr
		server netip.AddrPort
		at     capture.Time
		pop    *Population
	}
	next int
}

func (r *registry) clientClosed(s *clientConn, at capture.Time) {
	if !s.overtaken || s.pending.len() > 0 || s.mode.ending == quitSent {
		return
	}
	e := &r.closes.ring[r.closes.next%len(r.closes.ring)]
	r.closes.next++
	e.client, e.server, e.at, e.pop = s.Client.Addr(), s.Server, at, s.group.pop
}

// reopened looks whether a new connection replaces one that was closed because of unread bytes.
func (r *registry) reopened(s *Paired, at capture.Time) {
	for i := range r.closes.ring {
		e := &r.closes.ring[i]
		if e.pop != nil && e.client == s.Client.Addr() && e.server == s.Server {
			if d := at.Sub(e.at); d >= 0 && d <= reconnectWithin {
				e.pop.heals++
				e.pop = nil
			}
		}
	}
}

// library returns what is known of the population's library.
func (p *Population) library() Library {
	if p.Library.Name == "" && p.jedis > 0 {
		return Library{Name: "jedis", Policy: PolicyLockstep, Guessed: true}
	}
	if p.Library.Name == "" && p.heals > 0 {
		return Library{Name: "redis-py", Policy: PolicyLockstep, Cancels: true, Guessed: true}
	}
	return p.Library
}
