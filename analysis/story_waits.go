package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// maxTaleWaits bounds the waits in vain that are remembered for the story.
const maxTaleWaits = 1 << 14

// tale is what a run remembers so that findings can be told in the order of cause.
type tale struct {
	waits []vainWait
	conns map[string]map[int64]struct{} // by fingerprint
}

// vainWait is a caller's wait that ended without a reply.
type vainWait struct {
	conn     int64
	client   netip.Addr
	server   netip.AddrPort
	from, to capture.Time
	frame    int64 // the command
	ended    int64 // what the client did then
	command  string
	how      GaveUp
}

// waited takes a wait that ended in vain.
func (t *tale) waited(s *Session, ex *Exchange, gap time.Duration, how GaveUp, frame int64, at capture.Time) {
	if len(t.waits) >= maxTaleWaits {
		return
	}
	t.waits = append(t.waits, vainWait{s.ID, s.Client.Addr(), s.Server, at.Add(-gap), at, ex.Frame, frame, ex.CommandName(), how})
}
