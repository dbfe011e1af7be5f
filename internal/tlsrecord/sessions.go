package tlsrecord

import (
	"net/netip"

	"github.com/respsniff/respsniff/internal/bound"
)

// sessions remembers the master secrets of TLS 1.2 by what a client sends to resume them: libraries log only the full
// handshake. When the limit is reached the oldest are given up.
type sessions struct {
	max    *bound.Bound
	master map[string][]byte // by session ID or ticket
	order  []string
}

// maxSessions is how many session IDs and tickets are remembered, at some 300 bytes each.
const maxSessions = 1 << 13

func newSessions(bounds *bound.Set) sessions {
	return sessions{master: map[string][]byte{}, max: bounds.New(bound.Bound{
		Name: "sessions of TLS 1.2", Limit: bounds.Scaled(maxSessions), Loses: bound.History, Hides: "what was said on connections that resume an older one",
	})}
}

func (s *sessions) keep(name string, master []byte) {
	if name == "" {
		return
	}
	if _, known := s.master[name]; !known {
		if !s.max.Admits(len(s.order)) {
			delete(s.master, s.order[0])
			s.order = s.order[1:]
		}
		s.order = append(s.order, name)
	}
	s.master[name] = master
}

func (s *sessions) find(name string) []byte {
	if name == "" {
		return nil
	}
	return s.master[name]
}

// serverTickets remembers of each server how long its tickets are.
type serverTickets struct {
	max  *bound.Bound
	each map[netip.AddrPort]*Tickets
}

// maxServers is of how many servers that is remembered.
const maxServers = 1 << 10

func newServerTickets(bounds *bound.Set) serverTickets {
	return serverTickets{each: map[netip.AddrPort]*Tickets{}, max: bounds.New(bound.Bound{
		Name: "servers whose session tickets are known", Limit: bounds.Scaled(maxServers), Loses: bound.Detail, Hides: "that an unread record is a ticket and no reply",
	})}
}

// of returns what is known of a server's tickets; nil beyond the limit.
func (t *serverTickets) of(server netip.AddrPort) *Tickets {
	k := t.each[server]
	if k == nil && t.max.Admits(len(t.each)) {
		k = &Tickets{}
		t.each[server] = k
	}
	return k
}
