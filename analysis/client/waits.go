package client

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
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

// maxSamples bounds what a population remembers of waits that ended without a reply, the latest: a precise estimate of
// timeouts needs some dozens, and one that changes is noticed.
const maxSamples = 4096

// gaveUp notes that the client went on without the reply to ex.
func (s *Conn) gaveUp(ex *pairing.Exchange, gap time.Duration, how GaveUp, frame int64, at capture.Time) {
	if ex == nil || ex.Unsure || s.Group == nil || ex.Flags&(pairing.Blocks|pairing.InHandshake|pairing.NotAwaited|pairing.NoReplyDue|pairing.AfterHole|pairing.Subscribing) != 0 || s.Mode.Subs > 0 {
		return
	}
	p := s.Group.Pop
	if how == GaveUpReuse {
		p.Reuses++
	}
	switch {
	case how == GaveUpReuse && s.suspect:
		// It may be behind already, and its caller answered from memory: then this is no wait.
	case len(p.Samples) < maxSamples:
		p.Samples = append(p.Samples, sample{gap, how, s.ID})
	default:
		p.Samples[p.sampled%maxSamples] = sample{gap, how, s.ID}
	}
	if how != GaveUpReuse || !s.suspect {
		p.sampled++
	}
	p.learnCommand(ex)
	s.Sink.GaveUp(ex, gap, how, frame, at)
}

// learnCommand notes which commands the clients send that have shown their read timeout.
func (p *Population) learnCommand(ex *pairing.Exchange) {
	i := nameHash(ex)
	p.repertory[i/64] |= 1 << (i % 64)
}

func (p *Population) Knows(ex *pairing.Exchange) bool {
	i := nameHash(ex)
	return p.repertory[i/64]&(1<<(i%64)) != 0
}

// nameHash maps a command's name to a place in Population.repertory.
func nameHash(ex *pairing.Exchange) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(ex.CommandName()) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h % 512
}

// closesLikeJedis reports whether the client says QUIT, reads the answer and resets the connection at once (SO_LINGER
// 0), on a connection without a set-up of its own.
func (s *Conn) closesLikeJedis(c *pairing.CloseMark) bool {
	if !c.Rst || c.Fin || s.Mode.Ending != pairing.QuitSent || !s.Keyed || s.handshake.commands > 0 || !s.LastData[pairing.RoleServer].Seen {
		return false
	}
	d := c.Time.Sub(s.LastData[pairing.RoleServer].Time)
	return d >= 0 && d <= reconnectWithin
}

// closes reports whether the client closes now, for the first time, and something is known of it.
func (s *Conn) Closes() bool {
	if s.closeSeen {
		return false
	}
	s.closeSeen = true
	return s.Group != nil && s.Prev.Valid
}

// clientClosed notes a close with a reply outstanding, and the habits of closing.
func (s *Conn) ClientClosed() {
	p, c := &s.Prev, &s.Closing[pairing.RoleClient]
	if s.Awaited() && !s.overtaken && !p.ReplyBytes && p.Ex != nil {
		if gap := c.Time.Sub(p.EndTime); gap >= sampleFloor {
			s.gaveUp(p.Ex, gap, GaveUpClose, c.Frame, c.Time)
		}
	}
	if s.closesLikeJedis(c) {
		s.Group.Pop.jedis++
	}
	s.Reg.clientClosed(s, c.Time)
}
