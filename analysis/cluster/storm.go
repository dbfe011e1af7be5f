package cluster

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

const (
	// stormGap ends a storm: no MOVED for so long.
	stormGap = 10 * time.Second
	// stormExamples is how many redirects of a storm are kept to be shown. All are counted.
	stormExamples = 5
)

// MovedStorm is a time in which the clients behind one address got MOVED again and again, at most 10 s apart,
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

// movedStorms are the storms of a run.
type movedStorms struct {
	closed []*MovedStorm
	limit  *bound.Bound
}

// addMoved adds a MOVED to the storm of its client, or begins one.
func (h *movedStorms) addMoved(v *clusterView, e *Redirected) {
	at := e.Exchange.Serves.Time
	if _, known := e.Exchange.Slot(); !known {
		return // its key was not captured whole: neither whether it is a retry shows, nor of what share
	}
	if v.storm != nil && at.Sub(v.storm.Last) > stormGap {
		h.close(v)
	}
	if v.storm == nil {
		v.storm = &MovedStorm{Client: v.client, First: at, before: max(v.keyed-1, 0)}
	}
	st := v.storm
	st.Last, st.Keyed = at, v.keyed-st.before
	st.Weakened = st.Weakened || !e.Certain()
	if e.KnewOwner {
		st.Retries++
		return
	}
	st.add(e, v.chart)
}

// close ends the storm of a client's view.
func (h *movedStorms) close(v *clusterView) {
	if v.storm != nil && h.limit.Admits(len(h.closed)) {
		h.closed = append(h.closed, v.storm)
	}
	v.storm = nil
}

// finish ends all storms and returns them in order of time.
func (h *movedStorms) finish(views map[netip.Addr]*clusterView) []*MovedStorm {
	for _, client := range slices.SortedFunc(maps.Keys(views), netip.Addr.Compare) {
		h.close(views[client])
	}
	slices.SortFunc(h.closed, func(a, b *MovedStorm) int {
		return cmp.Or(cmp.Compare(a.First, b.First), a.Client.Compare(b.Client))
	})
	return h.closed
}

// add counts a redirect of a client whose latest slot map is chart.
func (st *MovedStorm) add(e *Redirected, chart *ClusterMap) {
	ex, slot := e.Exchange, e.Redirect.Slot
	st.Moved++
	if bit := uint64(1) << (slot % 64); st.slots[slot/64]&bit == 0 {
		st.slots[slot/64] |= bit
		st.Slots++
	}
	switch {
	case chart == nil || chart.Time < st.First && chart.Owner(slot) != e.Target:
		st.Unrefreshed++
	case chart.Time < ex.Time && chart.Owner(slot) == e.Target:
		st.Ignored++
	}
	if chart != nil {
		st.Refreshed = chart.Time
	}
	if len(st.Moves) < stormExamples {
		st.Moves = append(st.Moves, StormMove{
			Conn: e.Session.ID, Client: e.Session.Client, Server: e.Session.Server, Target: e.Target, Frame: ex.Frame,
			Reply: ex.Serves.Frame, File: ex.File, Time: ex.Serves.Time, Command: ex.CommandName(), Slot: slot,
		})
	}
}
