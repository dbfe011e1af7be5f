package analysis

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

const (
	// staleAfter ends a storm: no MOVED for so long.
	staleAfter = 10 * time.Second
	// maxStorms and maxStormMoves bound what is kept of storms, and of the redirects of one.
	maxStorms     = 1024
	maxStormMoves = 5
)

// MovedStorm is a time in which the clients behind one address were told MOVED again and again, at most 10 s apart,
// each time rightly: the slot was that of the key.
type MovedStorm struct {
	Client      netip.Addr
	First, Last capture.Time
	Keyed       int // commands with a key in that time
	Moved       int // of these, redirected
	// Retries are redirects of commands whose owner the client had just asked in vain: it tried another node.
	Retries int
	// Ignored are redirects to the very node that the client's own slot map named.
	Ignored int
	// Unrefreshed are redirects while the client had no slot map younger than the storm.
	Unrefreshed int
	// Direct counts commands that went straight to the node that an earlier MOVED had named: the client learns.
	Direct int
	Slots  int // distinct slots redirected
	// Refreshed is when the client last got a slot map; 0: not in this capture.
	Refreshed capture.Time
	Moves     []StormMove // the first five
	Weakened  bool

	slots  [resp.Slots / 64]uint64
	before int
}

// StormMove is one redirect of a storm.
type StormMove struct {
	Conn           int64
	Client, Server netip.AddrPort
	Target         netip.AddrPort // invalid: a name that the capture does not explain
	Frame, Reply   int64
	File           int32
	Time           capture.Time
	Command        string
	Slot           uint16
}

// Stale returns how many redirects show an old slot map.
func (st *MovedStorm) Stale() int { return st.Ignored + st.Unrefreshed }

// blow adds a MOVED to the client's storm.
func (v *clusterView) blow(t *topology, e *Redirected, u *slotUse) {
	ex, at := e.Exchange, e.Exchange.Serves.Time
	if _, known := ex.Slot(); !known {
		return // its key was not captured whole: neither whether it is a retry shows, nor of what share
	}
	st := v.storm
	if st != nil && at.Sub(st.Last) > staleAfter {
		t.calm(v)
		st = nil
	}
	if st == nil {
		st = &MovedStorm{Client: v.client, First: at, before: max(v.keyed-1, 0)}
		v.storm = st
	}
	st.Last, st.Keyed = at, v.keyed-st.before
	st.Weakened = st.Weakened || !e.Certain()
	if e.KnewOwner {
		st.Retries++
		return
	}
	st.Moved++
	slot := e.Redirect.Slot
	if bit := uint64(1) << (slot % 64); st.slots[slot/64]&bit == 0 {
		st.slots[slot/64] |= bit
		st.Slots++
	}
	switch chart := v.chart; {
	case chart == nil || chart.Time < st.First && chart.Owner(slot) != e.Target:
		st.Unrefreshed++
	case chart.Time < ex.Time && chart.Owner(slot) == e.Target:
		st.Ignored++
	}
	if v.chart != nil {
		st.Refreshed = v.chart.Time
	}
	if len(st.Moves) < maxStormMoves {
		st.Moves = append(st.Moves, StormMove{
			Conn: e.Session.ID, Client: e.Session.Client, Server: e.Session.Server, Target: e.Target, Frame: ex.Frame,
			Reply: ex.Serves.Frame, File: ex.File, Time: at, Command: ex.CommandName(), Slot: slot,
		})
	}
}

// calm ends the storm of a view.
func (t *topology) calm(v *clusterView) {
	if v.storm != nil && len(t.storms) < maxStorms {
		t.storms = append(t.storms, v.storm)
	}
	v.storm = nil
}

// MovedStorms returns the storms of all clients in order of time, when the run is over.
func (r *Run) MovedStorms() []*MovedStorm {
	t := &r.topology
	for _, v := range t.views {
		t.calm(v)
	}
	slices.SortFunc(t.storms, func(a, b *MovedStorm) int {
		return cmp.Or(cmp.Compare(a.First, b.First), a.Client.Compare(b.Client))
	})
	return t.storms
}
