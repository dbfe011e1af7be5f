package analysis

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// GaveUp says how a caller showed that it had stopped waiting.
type GaveUp uint8

// Ways to stop waiting.
const (
	GaveUpReuse GaveUp = iota // another command
	GaveUpQuit                // QUIT or RESET
	GaveUpClose               // FIN or RST
)

var gaveUpNames = [...]string{"sent another command", "sent QUIT", "closed the connection"}

// String says what the client did.
func (g GaveUp) String() string { return gaveUpNames[g] }

// sampleFloor is the shortest silence that counts as waiting for a reply in vain.
const sampleFloor = 5 * time.Millisecond

// sample is one wait that ended without a reply.
type sample struct {
	gap  time.Duration
	how  GaveUp
	conn int64
}

// maxSamples bounds what a population remembers of waits that ended without a reply.
const maxSamples = 4096

// gaveUp notes that the client went on without the reply to ex.
func (s *clientConn) gaveUp(ex *Exchange, gap time.Duration, how GaveUp, frame int64, at capture.Time) {
	if ex == nil || ex.unsure || s.group == nil || ex.Flags&(Blocks|InHandshake|NotAwaited|NoReplyDue|AfterHole|Subscribing) != 0 || s.mode.subs > 0 {
		return
	}
	p := s.group.pop
	if how == GaveUpReuse {
		p.reuses++
	}
	switch {
	case how == GaveUpReuse && s.suspect:
		// It may be behind already, and its caller answered from memory: then this is no wait.
	case len(p.samples) < maxSamples:
		p.samples = append(p.samples, sample{gap, how, s.ID})
	default:
		p.dropped++
	}
	p.learnCommand(ex)
	s.sink.GaveUp(ex, gap, how, frame, at)
}

// learnCommand notes which commands the clients send that have shown their read timeout.
func (p *Population) learnCommand(ex *Exchange) {
	i := nameHash(ex)
	p.repertory[i/64] |= 1 << (i % 64)
}

func (p *Population) knows(ex *Exchange) bool {
	i := nameHash(ex)
	return p.repertory[i/64]&(1<<(i%64)) != 0
}

// nameHash maps a command's name to a place in Population.repertory.
func nameHash(ex *Exchange) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(ex.CommandName()) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h % 512
}

// closesLikeJedis reports whether the client says QUIT, reads the answer and resets the connection at once (SO_LINGER
// 0), on a connection without a set-up of its own.
func (s *clientConn) closesLikeJedis(c *closeMark) bool {
	if !c.rst || c.fin || s.mode.ending != quitSent || !s.keyed || s.handshake.commands > 0 || !s.lastData[roleServer].seen {
		return false
	}
	d := c.time.Sub(s.lastData[roleServer].time)
	return d >= 0 && d <= reconnectWithin
}

// closes reports whether the client closes now, for the first time, and something is known of it.
func (s *clientConn) closes() bool {
	if s.closeSeen {
		return false
	}
	s.closeSeen = true
	return s.group != nil && s.prev.valid
}

// clientClosed notes a close with a reply outstanding, and the habits of closing.
func (s *clientConn) clientClosed() {
	p, c := &s.prev, &s.closing[roleClient]
	if s.awaited() && !s.overtaken && !p.replyBytes && p.ex != nil {
		if gap := c.time.Sub(p.endTime); gap >= sampleFloor {
			s.gaveUp(p.ex, gap, GaveUpClose, c.frame, c.time)
		}
	}
	if s.closesLikeJedis(c) {
		s.group.pop.jedis++
	}
	s.reg.clientClosed(s, c.time)
}
