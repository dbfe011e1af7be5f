package reader

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// JudgingOptions steer how beliefs are judged; the zero value is good.
type JudgingOptions struct {
	StaleBound   time.Duration // rs104.bound; 0: from the round trip
	HandshakeGap time.Duration // rs110.gap; 0: handshakeGap
	SharedMin    int           // rs114.min_events; 0: sharedMin
	Live         bool          // judge as soon as enough is known
	Print        pairing.Printer
}

// judging is what the readers of one run have in common.
type Judging struct {
	JudgingOptions
	shared     *pairing.Shared
	sink       Sink
	Waiting    []*Conn             // connections with exchanges that wait for judgement
	final      bool                // the capture is over
	relieveAt  int                 // how many exchanges there must be before all connections are judged early again
	Kept       int                 // abandonments of open connections
	owed       []*pairing.Exchange // scratch of lazyWrites
	early      *bound.Bound        // connections judged early because the evidence kept for them was at its bound
	Abandoned  int64               // callers that gave up, on connections of any policy
	Suppressed int64               // observations too weak to be reported
	unjudged   map[netip.Addr]*Unjudged
}

// readerSink is told what was judged.
type Sink interface {
	Judged(ex *pairing.Exchange)
	SharedUse(e *SharedUse)
	Blocked(b *BlockGivenUp)
	Desynced(s *Conn)
	// Retire is called with a connection that is over and wholly judged.
	Retire(s *Conn)
	// Now is the latest moment that a live run knows of.
	Now() capture.Time
}

func NewJudging(o JudgingOptions, shared *pairing.Shared, sink Sink, bounds *bound.Set) *Judging {
	if o.HandshakeGap == 0 {
		o.HandshakeGap = handshakeGap
	}
	if o.SharedMin == 0 {
		o.SharedMin = sharedMin
	}
	return &Judging{
		JudgingOptions: o, shared: shared, sink: sink,
		early: bounds.New(bound.Bound{
			Name: "commands awaiting judgement", Limit: shared.MaxLog, Loses: bound.Evidence,
			Hides: "what the clients of connections judged early showed later",
		}),
	}
}

// readerConn is the callers of one connection: which reply each of them got.
type Conn struct {
	*client.Conn
	Judging *Judging
	Unread  pairing.Queue // replies owed to callers that had given up, oldest first
	Desync  *Desync
	block   *BlockGivenUp
	Batch   []*pairing.Exchange // scratch of judgeBatch
	headLen int                 // commands at the front of the log that are known to be one batch, see headBatch
	Chance  float64             // that the number of replies owed is what it is said to be
	Dirty   bool
	Behind  int

	sharedWrites int
	singles      int // plain writes of one command
	multiples    int // … of several

	guessing bool // what the callers got since depends on an inference, or on a wait that nobody can judge
	early    bool // judged before its end, by what the group had shown
	forced   bool // judge with what is known
	inferred bool // inferLazy has run
	skips    bool // its callers throw late replies away, see throwsAway
	Waiting  bool // in the list of connections that wait for judgement
}

// await lists a connection whose exchanges wait for judgement.
func (j *Judging) await(s *Conn) { j.Waiting = append(j.Waiting, s) }

func (j *Judging) Unawait(s *Conn) {
	for i, w := range j.Waiting {
		if w == s {
			last := len(j.Waiting) - 1
			j.Waiting[i] = j.Waiting[last]
			j.Waiting = j.Waiting[:last]
			return
		}
	}
}

// last says that the capture is over, and returns the connections that still wait, in order of their numbers.
func (j *Judging) Last() []*Conn {
	j.final = true
	waiting := j.Waiting
	j.Waiting = nil
	slices.SortFunc(waiting, func(a, b *Conn) int { return cmp.Compare(a.ID, b.ID) })
	return waiting
}

// liveWait is how long a command of a live run may wait for the judgement until more is known of its client.
const liveWait = 30 * time.Second

// ripe reports whether a live run judges the session now.
func (s *Conn) Ripe() bool {
	if !s.Judging.Live {
		return false
	}
	st := s.Stance()
	if st.Basis >= client.BasisGuessed || st.Confidence >= pairing.Likely {
		return true
	}
	return s.Log.Len() > 0 && s.Judging.sink.Now().Sub(s.Log.Front().EndTime) >= liveWait
}

// reportDesync reports of an open connection that its callers are worse off than was reported.
func (s *Conn) ReportDesync() {
	d := s.Desync
	if !s.Judging.Live || s.Over || d == nil || !d.Changed {
		return
	}
	d.Open = true
	s.Judging.sink.Desynced(s)
}

// sent judges what the commands of a segment made ripe.
func (s *Conn) Sent() {
	if s.Log.Len() > pairing.MaxSessionLog {
		s.Judging.early.Hits++
		s.SettleNow()
	}
	s.Settle()
}

// wrote takes a command that begins another write than the one before it, while the connection's tail is still that one.
func (s *Conn) Wrote(ex *pairing.Exchange) {
	afterQuit(s, s.Prev.Ex, ex)
	if ex.Flags&pairing.NotAwaited != 0 && s.Pending.Len() > 0 {
		blockGivenUp(s, client.GaveUpQuit, ex.Frame, ex.Time.Sub(s.Pending.Front().EndTime), ex.Ack)
	}
}

// served takes a reply.
func (s *Conn) Served(ex *pairing.Exchange) {
	if s.block != nil {
		blockServed(s, ex)
	}
}

// clientClosed takes the client's close.
func (s *Conn) ClientClosed() {
	if s.Pending.Len() > 0 {
		c := &s.Closing[pairing.RoleClient]
		blockGivenUp(s, client.GaveUpClose, c.Frame, c.Time.Sub(s.Pending.Front().EndTime), c.Ack)
	}
}

// closed judges what the end of the connection made ripe.
func (s *Conn) Closed() {
	if s.Log.Len() > 0 {
		s.Settle()
	}
}
