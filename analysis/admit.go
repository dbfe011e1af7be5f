package analysis

import (
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// maxHalfOpen is how many connections may be in memory, at 2.5 KiB each, while a SYN alone makes another one. Beyond
// it a connection is taken up when its SYN is answered or sent again: a flood of SYNs costs nothing here.
const maxHalfOpen = 1 << 14

// admission decides which connections get a session.
type admission struct {
	live     int // sessions in use
	halfOpen *bound.Bound
}

// unheld marks a connection that was counted and not taken up.
type unheld struct{}

// admits reports whether the segment of a connection that has no session is to get one, and counts the connection.
func (a *admission) admits(seg *reassembly.Segment, sum *Summary) bool {
	switch seg.Conn.Tag.(type) {
	case failed:
		return false
	case unheld:
		a.halfOpen.Hits--
		return true
	}
	sum.Connections++
	if a.live < a.halfOpen.Limit || seg.Flags&(reassembly.SYN|reassembly.ACK) != reassembly.SYN || seg.Length > 0 {
		return true
	}
	a.halfOpen.Hits++
	seg.Conn.Tag = unheld{}
	return false
}
