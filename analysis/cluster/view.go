package cluster

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// recentSlots is how many slots of a client's latest commands are remembered, in a table that is indexed by the low bits:
// a slot that takes the place of another one makes that one forgotten, never mistaken for it.
const recentSlots = 512

// knewWithin is how recently a client must have asked a slot's owner by itself to know it.
const knewWithin = 5 * time.Second

// clusterView is how the clients behind one address see their cluster: where they send the slots that they use.
type clusterView struct {
	client netip.Addr
	recent [recentSlots]slotUse
	chart  *ClusterMap // the latest slot map that a client of this address got
	keyed  int         // commands with a key, since the first sign of a cluster
	storm  *MovedStorm // going on
	first  *node       // that it used
	others bool        // it used another one too
}

// met notes a node that the client uses.
func (v *clusterView) met(n *node) {
	if v.first == nil {
		v.first = n
	}
	v.others = v.others || v.first != n
}

// slotUse is the latest use of one slot.
type slotUse struct {
	slot       uint16
	used       bool
	since      capture.Time // what is before it is forgotten
	here, prev sentTo       // the last two different nodes that the slot was sent to
	credit     *node        // a redirect points there and has not been followed
	owner      *node        // as the last MOVED named it
	data       capture.Time // last data reply
	ask        *node        // an ASK points there and has not been followed with ASKING
	asked      *node        // the node that sent it
	askFrame   int64
	askTime    capture.Time
}

// sentTo is where a command went, and whether a redirect had sent it there.
type sentTo struct {
	node   *node
	at     capture.Time
	follow bool
}

// use returns the entry of a slot; another slot in its place is forgotten.
func (v *clusterView) use(slot uint16, at capture.Time) *slotUse {
	u := &v.recent[slot%recentSlots]
	if !u.used || u.slot != slot {
		*u = slotUse{slot: slot, used: true, since: at}
	}
	return u
}

// send notes a command with a key.
func (v *clusterView) send(slot uint16, n *node, ex *pairing.Exchange, asking bool) {
	v.keyed++
	v.met(n)
	u := v.use(slot, ex.Time)
	follow := u.credit == n
	u.credit = nil
	if u.here.node != n {
		u.prev = u.here
	}
	u.here = sentTo{n, ex.Time, follow}
	if asking && u.ask == n {
		u.ask = nil
	}
	if v.storm != nil && u.owner == n && !follow {
		v.storm.Direct++
	}
}

// data notes that the client got data for a slot.
func (v *clusterView) data(slot uint16, at capture.Time) {
	u := &v.recent[slot%recentSlots]
	if u.used && u.slot == slot {
		u.data = at
	}
}
