package analysis

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// JudgingOptions steer how beliefs are judged; the zero value is good.
type JudgingOptions struct {
	StaleBound   time.Duration // rs104.bound; 0: from the round trip
	HandshakeGap time.Duration // rs110.gap; 0: handshakeGap
	SharedMin    int           // rs114.min_events; 0: sharedMin
	Live         bool          // judge as soon as enough is known
	Print        Printer
}

// judging is what the readers of one run have in common.
type judging struct {
	JudgingOptions
	shared     *Shared
	sink       readerSink
	waiting    []*readerConn // connections with exchanges that wait for judgement
	final      bool          // the capture is over
	relieveAt  int           // how many exchanges there must be before all connections are judged early again
	kept       int           // abandonments of open connections
	owed       []*Exchange   // scratch of lazyWrites
	early      *bound.Bound  // connections judged early because the evidence kept for them was at its bound
	abandoned  int64         // callers that gave up, on connections of any policy
	suppressed int64         // observations too weak to be reported
	unjudged   map[netip.Addr]*Unjudged
}

// readerSink is told what was judged.
type readerSink interface {
	Judged(ex *Exchange)
	SharedUse(e *SharedUse)
	Blocked(b *BlockGivenUp)
	Desynced(s *readerConn)
	// Retire is called with a connection that is over and wholly judged.
	Retire(s *readerConn)
	// Now is the latest moment that a live run knows of.
	Now() capture.Time
}

func newJudging(o JudgingOptions, shared *Shared, sink readerSink, bounds *bound.Set) *judging {
	if o.HandshakeGap == 0 {
		o.HandshakeGap = handshakeGap
	}
	if o.SharedMin == 0 {
		o.SharedMin = sharedMin
	}
	return &judging{
		JudgingOptions: o, shared: shared, sink: sink,
		early: bounds.New(bound.Bound{
			Name: "commands awaiting judgement", Limit: maxLog, Loses: bound.Evidence,
			Hides: "what the clients of connections judged early showed later",
		}),
	}
}

// readerConn is the callers of one connection: which reply each of them got.
type readerConn struct {
	*clientConn
	judging *judging
	unread  queue // replies owed to callers that had given up, oldest first
	desync  *Desync
	block   *BlockGivenUp
	batch   []*Exchange // scratch of judgeBatch
	headLen int         // commands at the front of the log that are known to be one batch, see headBatch
	chance  float64     // that the number of replies owed is what it is said to be
	dirty   bool
	behind  int

	sharedWrites int
	singles      int // plain writes of one command
	multiples    int // … of several

	guessing bool // what the callers got since depends on an inference, or on a wait that nobody can judge
	early    bool // judged before its end, by what the group had shown
	forced   bool // judge with what is known
	inferred bool // inferLazy has run
	skips    bool // its callers throw late replies away, see throwsAway
	waiting  bool // in the list of connections that wait for judgement
}

// await lists a connection whose exchanges wait for judgement.
func (j *judging) await(s *readerConn) { j.waiting = append(j.waiting, s) }

func (j *judging) unawait(s *readerConn) {
	for i, w := range j.waiting {
		if w == s {
			last := len(j.waiting) - 1
			j.waiting[i] = j.waiting[last]
			j.waiting = j.waiting[:last]
			return
		}
	}
}

// last says that the capture is over, and returns the connections that still wait, in order of their numbers.
func (j *judging) last() []*readerConn {
	j.final = true
	waiting := j.waiting
	j.waiting = nil
	slices.SortFunc(waiting, func(a, b *readerConn) int { return cmp.Compare(a.ID, b.ID) })
	return waiting
}

// liveWait is how long a command of a live run may wait for the judgement until more is known of its client.
const liveWait = 30 * time.Second

// ripe reports whether a live run judges the session now.
func (s *readerConn) ripe() bool {
	if !s.judging.Live {
		return false
	}
	st := s.stance()
	if st.Basis >= BasisGuessed || st.Confidence >= Likely {
		return true
	}
	return s.log.len() > 0 && s.judging.sink.Now().Sub(s.log.front().EndTime) >= liveWait
}

// reportDesync reports of an open connection that its callers are worse off than was reported.
func (s *readerConn) reportDesync() {
	d := s.desync
	if !s.judging.Live || s.over || d == nil || !d.changed {
		return
	}
	d.Open = true
	s.judging.sink.Desynced(s)
}

// sent judges what the commands of a segment made ripe.
func (s *readerConn) sent() {
	if s.log.len() > maxSessionLog {
		s.judging.early.Hits++
		s.settleNow()
	}
	s.settle()
}

// wrote takes a command that begins another write than the one before it, while the connection's tail is still that one.
func (s *readerConn) wrote(ex *Exchange) {
	s.afterQuit(s.prev.ex, ex)
	if ex.Flags&NotAwaited != 0 && s.pending.len() > 0 {
		s.blockGivenUp(GaveUpQuit, ex.Frame, ex.Time.Sub(s.pending.front().EndTime), ex.Ack)
	}
}

// served takes a reply.
func (s *readerConn) served(ex *Exchange) {
	if s.block != nil {
		s.blockServed(ex)
	}
}

// clientClosed takes the client's close.
func (s *readerConn) clientClosed() {
	if s.pending.len() > 0 {
		c := &s.closing[roleClient]
		s.blockGivenUp(GaveUpClose, c.frame, c.time.Sub(s.pending.front().EndTime), c.ack)
	}
}

// closed judges what the end of the connection made ripe.
func (s *readerConn) closed() {
	if s.log.len() > 0 {
		s.settle()
	}
}
