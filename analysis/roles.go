package analysis

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp/commands"
)

// Bounds of what waits until the bytes of a connection tell which end is the client.
const (
	maxHeldSegments = 32       // of one connection
	maxHeldBytes    = 16 << 10 // of one connection
	maxHeldTotal    = 8 << 20  // of all connections
	// heldSize is what a segment takes beside its payload.
	heldSize = 256
	// oneSideEnough is how many payloads of one side decide, if the other side shows nothing: after so many that all read like
	// requests the next one does not with a chance of 1 in 10, by the rule of succession, and a stream of replies has others.
	// Two that agree decide if they are of both sides: no stream that runs both ways looks like a request and its reply the
	// wrong way round.
	oneSideEnough = 8
)

// openRoles is a connection that was caught in mid-stream between ports that do not tell which is the server's. A payload
// alone cannot: HGETALL may answer [type admin], and TYPE admin is a command. Its segments wait, and are paired from the
// first when enough of them speak for one reading.
type openRoles struct {
	segments []reassembly.Segment // with payloads of their own
	bytes    int
	dropped  bool
	payloads int
	votes    [2][2]int // for side A and side B as the client: payloads of the client, of the server
}

// undecideds are the connections of a run whose roles are open.
type undecideds struct {
	bytes int
	early *bound.Bound
}

func newUndecideds(set *bound.Set) undecideds {
	return undecideds{early: set.New(bound.Bound{
		Name: "segments before it is known which end is the client", Limit: maxHeldSegments, Loses: bound.Detail,
		Hides: "commands and replies at the beginning of connections that the capture joined in the middle",
	})}
}

// weigh takes a segment of a connection whose roles are open. It returns the connection's session, with all earlier segments
// taken, once they are decided; nil: not yet.
func (h *undecideds) weigh(r *Run, u *openRoles, seg *reassembly.Segment) *Session {
	var side reassembly.Side
	var decided bool
	if seg.End == reassembly.NotEnded {
		if side, decided = u.vote(seg); !decided && u.payloads < pairing.UndecidedLimit && !seg.Sealed && !pairing.Encrypted(seg.Payload) {
			h.hold(u, seg)
			r.summary.at(seg.Time)
			return nil
		}
	} else if len(u.segments) == 0 {
		return nil
	} else {
		side, decided = u.majority()
	}
	by := pairing.ByBytes
	if !decided {
		side, by = r.shared.Roles(seg.Conn)
	}
	h.bytes -= u.bytes
	if u.dropped && decided {
		h.early.Hits++
	}
	first := seg
	if len(u.segments) > 0 {
		first = &u.segments[0]
	}
	s := r.begin(first, side, by)
	if u.payloads >= pairing.UndecidedLimit {
		s.GiveUp()
	}
	for i := range u.segments {
		s.segment(&u.segments[i])
	}
	return s
}

// vote counts whom a payload speaks for, and returns the client if that decides.
func (u *openRoles) vote(seg *reassembly.Segment) (client reassembly.Side, decided bool) {
	if seg.Length == 0 {
		return seg.From, false
	}
	u.payloads++
	switch commands.Like(seg.Payload) {
	case commands.LikeRequest:
		u.votes[seg.From][pairing.RoleClient]++
	case commands.LikeReply:
		u.votes[seg.From.Other()][pairing.RoleServer]++
	}
	client, ahead := u.majority()
	v := u.votes[client]
	lead := v[0] + v[1] - u.votes[client.Other()][0] - u.votes[client.Other()][1]
	return client, ahead && (lead >= oneSideEnough || lead >= 2 && v[0] > 0 && v[1] > 0)
}

// majority returns the end that more payloads speak for as the client.
func (u *openRoles) majority() (client reassembly.Side, ahead bool) {
	a, b := u.votes[reassembly.A], u.votes[reassembly.B]
	switch d := a[0] + a[1] - b[0] - b[1]; {
	case d > 0:
		return reassembly.A, true
	case d < 0:
		return reassembly.B, true
	}
	return reassembly.A, false
}

// hold keeps a copy of a segment, and lets the oldest go beyond the bounds.
func (h *undecideds) hold(u *openRoles, seg *reassembly.Segment) {
	kept := *seg
	kept.Payload = slices.Clone(seg.Payload)
	u.segments = append(u.segments, kept)
	n := len(kept.Payload) + heldSize
	u.bytes, h.bytes = u.bytes+n, h.bytes+n
	for len(u.segments) > 0 && (len(u.segments) > maxHeldSegments || u.bytes > maxHeldBytes || h.bytes > maxHeldTotal) {
		n = len(u.segments[0].Payload) + heldSize
		u.bytes, h.bytes = u.bytes-n, h.bytes-n
		u.segments = slices.Delete(u.segments, 0, 1)
		u.dropped = true
	}
}
