package client

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
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
func (k *Parameters) SlackOf(t time.Duration) time.Duration {
	if k.Slack > 0 {
		return k.Slack
	}
	return max(10*time.Millisecond, t*3/100)
}

// registry holds the populations of one run.
type Registry struct {
	given       Given
	Parameters  Parameters
	groups      map[groupKey]*Group
	Populations map[populationKey]*Population
	closes      recentCloses
	limit       *bound.Bound // of groups
	idle        idleGroups
}

func NewRegistry(given Given, parameters Parameters, bounds *bound.Set) *Registry {
	if parameters.TimeoutSamples == 0 {
		parameters.TimeoutSamples = minTimeoutSamples
	}
	return &Registry{
		given: given, Parameters: parameters, groups: map[groupKey]*Group{}, Populations: map[populationKey]*Population{},
		limit: bounds.New(bound.Bound{ // 2.2 KiB each, with a population of its own
			Name: "client groups", Limit: bounds.Scaled(1 << 15), Loses: bound.Evidence,
			Hides: "what clients without an open connection had shown, such as their read timeouts",
		}),
	}
}

// clientConn is what one connection shows of its client.
type Conn struct {
	*pairing.Session
	Reg       *Registry
	Sink      Sink
	Group     *Group
	handshake handshake
	beats     beats            // of its sends
	slowAt    capture.Time     // arrival of a slow reply, until the next command; 0: none
	Patient   [2]time.Duration // longest silences before a reply after which the client went on promptly
	Turns     int              // clean sends after a reply
	Quick     int              // of these, sooner after it than it had taken to come
	suspect   bool             // something suspicious happened: what follows teaches nothing about the client's design
	overtaken bool             // a command was written while a reply was due
	closeSeen bool
}

// clientSink is told what the sends of a connection show.
type Sink interface {
	// GaveUp is called when a caller was seen to stop waiting for the reply to ex.
	GaveUp(ex *pairing.Exchange, gap time.Duration, how GaveUp, frame int64, at capture.Time)
}

func (r *Registry) givenPolicy(client netip.Addr) (Policy, bool) {
	if p, ok := r.given.Policies[client]; ok {
		return p, true
	}
	p, ok := r.given.Policies[netip.Addr{}]
	return p, ok
}

func (r *Registry) GivenTimeout(client netip.Addr) (time.Duration, bool) {
	if t, ok := r.given.ReadTimeouts[client]; ok {
		return t, true
	}
	t, ok := r.given.ReadTimeouts[netip.Addr{}]
	return t, ok
}

// groupOf finds or makes the group that a session belongs to.
func (r *Registry) groupOf(s *Conn) *Group {
	h := &s.handshake
	gk := groupKey{s.Client.Addr(), s.Server, h.signature}
	g := r.groups[gk]
	if g == nil {
		r.makeRoom()
	}
	pk := populationKey{s.Client.Addr(), h.signature}
	p := r.Populations[pk]
	if p == nil {
		p = &Population{Client: s.Client.Addr(), parameters: &r.Parameters}
		r.Populations[pk] = p
	}
	if h.named && !p.named {
		p.named, p.Announced = true, h.library
	} else if h.library.Name != "" && p.Announced.Name == "" {
		p.Announced = h.library
	}
	p.async = p.async || h.sentinel
	if g == nil {
		g = &Group{Client: gk.client, Server: gk.server, Pop: p, reg: r, key: gk}
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

func (r *Registry) clientClosed(s *Conn, at capture.Time) {
	if !s.overtaken || s.Pending.Len() > 0 || s.Mode.Ending == pairing.QuitSent {
		return
	}
	e := &r.closes.ring[r.closes.next%len(r.closes.ring)]
	r.closes.next++
	e.client, e.server, e.at, e.pop = s.Client.Addr(), s.Server, at, s.Group.Pop
}

// reopened looks whether a new connection replaces one that was closed because of unread bytes.
func (r *Registry) Reopened(s *pairing.Session, at capture.Time) {
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
