package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

// recentSlots is how many slots of a client's latest commands are remembered, in a table that is indexed by the low bits.
const recentSlots = 512

// knewWithin is how recently a client must have asked a slot's owner by itself to be said to know it.
const knewWithin = 5 * time.Second

// clusterView is how the clients behind one address see their cluster: where they send the slots that they use.
type clusterView struct {
	client netip.Addr
	recent [recentSlots]slotUse
	chart  *ClusterMap // the latest slot map that a client of this address got
	keyed  int         // commands with a key, since the first sign of a cluster
	storm  *MovedStorm // going on
}

// slotUse is the latest use of one slot.
type slotUse struct {
	slot       uint16
	used       bool
	here, prev sentTo       // the last two different nodes that the slot was sent to
	credit     *node        // a redirect points there and has not been followed
	owner      *node        // as the last MOVED said
	data       capture.Time // last data reply
	ask        *node        // an ASK points there and has not been followed with ASKING
	asked      *node        // the node that said so
	askFrame   int64
	askTime    capture.Time
}

// sentTo is where a command went, and whether a redirect had sent it there.
type sentTo struct {
	node   *node
	at     capture.Time
	follow bool
}

// viewOf finds or makes the view of a client address; nil beyond the bound.
func (t *topology) viewOf(client netip.Addr) *clusterView {
	v := t.views[client]
	if v == nil && len(t.views) < maxViews {
		v = &clusterView{client: client}
		t.views[client] = v
	}
	return v
}

// use returns the entry of a slot; another slot in its place is forgotten.
func (v *clusterView) use(slot uint16) *slotUse {
	u := &v.recent[slot%recentSlots]
	if !u.used || u.slot != slot {
		*u = slotUse{slot: slot, used: true}
	}
	return u
}

// send notes a command with a key.
func (v *clusterView) send(slot uint16, n *node, ex *Exchange, asking bool) {
	v.keyed++
	u := v.use(slot)
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

// redirect notes a redirect and completes its event.
func (v *clusterView) redirect(r *Run, e *Redirected) {
	u := v.use(e.Redirect.Slot)
	from, at := e.Session.topo.node, e.Exchange.Serves.Time
	var to *node
	if e.Target.IsValid() {
		to = r.nodeOf(e.Target)
	}
	e.LastData = u.data
	if p := u.prev; to != nil && p.node == to && !p.follow && at.Sub(p.at) < knewWithin {
		e.KnewOwner = true
	}
	if e.Redirect.Kind == resp.Ask {
		u.ask, u.asked, u.askFrame, u.askTime, u.credit = to, from, e.Exchange.Serves.Frame, at, to
		return
	}
	if u.ask != nil && u.ask == from && u.asked == to && !e.AfterAsking {
		if d := at.Sub(u.askTime); d >= 0 && d < r.knobs.askFollow {
			e.NoAsking, e.AskFrame, e.AskTime = true, u.askFrame, u.askTime
		}
		u.ask = nil
	}
	v.blow(&r.topology, e, u)
	u.owner, u.credit = to, to
}
