package analysis

import (
	"fmt"
	"hash/maphash"

	"github.com/respsniff/respsniff/internal/bound"
)

// moreRows counts the groups that share the row for what is beyond a rule's bound of findings.
type moreRows struct {
	seed                     maphash.Seed
	groups, clients, servers map[uint64]struct{} // by hash
}

func newMoreRows() *moreRows {
	set := func() map[uint64]struct{} { return map[uint64]struct{}{} }
	return &moreRows{maphash.MakeSeed(), set(), set(), set()}
}

func (m *moreRows) has(id groupID) bool {
	_, ok := m.groups[maphash.Comparable(m.seed, id)]
	return ok
}

func (m *moreRows) add(id groupID, limit *bound.Bound) {
	if !limit.Admits(len(m.groups)) {
		return
	}
	m.groups[maphash.Comparable(m.seed, id)] = struct{}{}
	if id.client.IsValid() {
		m.clients[maphash.Comparable(m.seed, id.client)] = struct{}{}
	}
	if id.server.IsValid() {
		m.servers[maphash.Comparable(m.seed, id.server)] = struct{}{}
	}
}

// size is how many things the row is about: clients if they are what the groups differ in, else servers, else groups.
func (m *moreRows) size() int {
	n := max(len(m.clients), len(m.servers))
	if n == 1 {
		n = len(m.groups)
	}
	return n
}

// String says what the row is about: "301 more clients".
func (m *moreRows) String() string {
	noun := "group"
	switch n := m.size(); {
	case n == len(m.clients):
		noun = "client"
	case n == len(m.servers):
		noun = "server"
	}
	if m.size() == 1 {
		return "1 more " + noun
	}
	return fmt.Sprintf("%d more %ss", m.size(), noun)
}
