package reader

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Bounds of what is kept in detail of one desynchronised connection; the rest is counted.
const (
	maxAbandoned = 8
	// maxKept is how many abandonments are kept of all open connections, at 1.3 KiB each, before only the first of each
	// connection is.
	maxKept    = 1 << 14
	maxVictims = 5
)

// Abandonment is a caller that went away without its reply, with the command that came next on the connection.
type Abandonment struct {
	Given      pairing.Exchange // the command that was given up; Session is nil in a copy
	Next       pairing.Exchange // the first command after it; Index 0: the client closed
	Why        Why
	Gap        time.Duration      // from the end of the batch to Next
	Flat       bool               // no byte of the server became readable between the two
	Owed       int                // replies owed after it
	Confidence pairing.Confidence // of the fact that it was given up
	Stale      bool               // the caller did not give up: it had read an older reply
	Weakened   bool               // a capture gap lies in the window
	Learned    time.Duration      // shortest gap that this client needs to be accused; 0: none
}

// Why says how it is known that a caller gave up.
type Why uint8

// Grounds for an abandonment.
const (
	ByAck       Why = iota // its reply had not been delivered when the next command was written
	ByHalf                 // it had been delivered in part
	ByTimeout              // it came later than the client waits
	ByInference            // what followed on the connection shows it
)

// Desync is what one connection's callers got wrong.
type Desync struct {
	Session        *Conn // its run-time state, valid during the event only
	Conn           int64
	Client, Server netip.AddrPort
	Stance         client.Stance
	Wait           client.Timeout // the read timeout held against it; T 0: none
	Library        client.Library
	GivenUp
	Misreads
	QuitReads
	StaleReading
	First    capture.Time
	LastTime capture.Time
	Healed   string // how the connection ended its own trouble, if it did
	Open     bool   // of a live run: the connection goes on, and another event replaces this one

	ground  Why
	started bool
	Changed bool
}

// GivenUp is the callers that went away, and the commands that were written all the same.
type GivenUp struct {
	Abandoned []Abandonment
	Counts    [4]int       // abandonments by Why
	Overtaken int          // commands written before the reply to the one before had arrived
	Proof     *Abandonment // the first of these
	Reuses    int          // commands written while a reply was owed
	ReusesBy  [4]int       // … by the ground of the first abandonment
	Handshake int          // abandoned commands of the connection's set-up
	Behind    int
}

// Misreads is the callers that got another command's reply.
type Misreads struct {
	Victims   []pairing.Victim
	Last      pairing.Victim // the last one, if not among Victims
	NVictims  int
	Strongest pairing.Confidence // of the victims
	ByCommand map[string]int
	BySaw     map[string]int
	Foreign   []ForeignRedirect
	NForeign  int // callers that got a redirect about another slot
}

// QuitReads is the QUITs whose reader got another command's reply.
type QuitReads struct {
	Quits      int
	Quit       Abandonment
	QuitVictim pairing.Victim
}

// StaleReading is the callers that were answered from the client's memory with a reply from before the capture.
type StaleReading struct {
	Stale      []StaleRead
	StaleLevel pairing.Confidence
	StaleWhy   []string // corroborations
	StaleReads int
}

func (*Desync) Event() {}

// StaleRead is a pair of commands that followed each other faster than any reply can travel: the first was answered
// from the client's memory.
type StaleRead struct {
	First, Second pairing.Exchange
	Gap           time.Duration
	RTT           time.Duration
}

func (s *Conn) trouble() *Desync {
	if s.Desync == nil {
		s.Desync = &Desync{
			Conn: s.ID, Client: s.Client, Server: s.Server,
			Misreads: Misreads{ByCommand: map[string]int{}, BySaw: map[string]int{}},
		}
	}
	s.Desync.Changed = true
	return s.Desync
}

// gaveUpOn notes that the caller of ex went away without r, the oldest unread reply. It reports whether that is sure
// enough to be held against later callers.
func (s *Conn) gaveUpOn(ex, r *pairing.Exchange, why whyUnread, l limits, st client.Stance, wait patience) bool {
	ex.Belief = pairing.Belief{}
	s.Judging.Abandoned++
	if l.next == nil || why == byClose || !l.flat && !l.certain {
		return false
	}
	a := Abandonment{Given: *ex, Next: *l.next, Gap: l.next.Time.Sub(ex.EndTime), Flat: l.flat, Owed: s.Unread.Len(), Weakened: !l.certain}
	a.Given.Session, a.Next.Session = nil, nil
	switch why {
	case byHalf:
		a.Why, r.Caller.Half = ByHalf, true
	case byTimeout:
		a.Why = ByTimeout
	case byInference:
		a.Why = ByInference
	}
	a.Confidence = s.abandonLevel(a, st, wait)
	if l.next.Flags&pairing.NotAwaited != 0 {
		d := s.trouble()
		if d.Quit.Given.Index == 0 {
			d.Quit = a
		}
		return true
	}
	policyUnknown(s, &a, st)
	if a.Confidence == pairing.Suppressed || throwsAway(s, st) {
		s.Judging.Suppressed++
		return false
	}
	d := s.trouble()
	d.Stance, d.Library = st, s.Group.Pop.Library()
	if wait.timeout != nil {
		d.Wait = *wait.timeout
	}
	if !d.started {
		d.started, d.ground, d.First = true, a.Why, ex.Time
	}
	if st.Basis == client.BasisLearned {
		a.Learned = s.Group.MinGap()
	}
	d.Counts[a.Why]++
	if ex.Flags&pairing.InHandshake != 0 {
		d.Handshake++
	}
	if n := len(d.Abandoned); n == 0 || n < maxAbandoned && s.Judging.Kept < maxKept {
		s.Judging.Kept++
		d.Abandoned = append(d.Abandoned, a)
	}
	d.LastTime = l.next.Time
	return true
}

// abandonLevel is how sure it is that a caller gave up.
func (s *Conn) abandonLevel(a Abandonment, st client.Stance, wait patience) pairing.Confidence {
	level := pairing.Proven
	if a.Given.Unsure || a.Next.Unsure || a.Given.Flags&pairing.Subscribing != 0 {
		return pairing.Suppressed // a subscriber reads whatever comes: no caller waits for a confirmation
	}
	if a.Given.Flags&pairing.InHandshake != 0 && s.OneSided() {
		return pairing.Suppressed // which reply of a set-up did not come, only the replies tell
	}
	if a.Next.Beat && st.Basis <= client.BasisLearned && !wait.ends(a.Gap) {
		return pairing.Suppressed
	}
	switch {
	case a.Why == ByTimeout:
		level = min(wait.sure, max(st.Confidence, pairing.Possible))
	case a.Why == ByInference:
		level = min(pairing.Likely, max(st.Confidence, pairing.Possible))
	}
	if s.Start == reassembly.MidStream && s.ReplyCount == 0 && !s.OneSided() {
		return pairing.Suppressed // CLIENT REPLY OFF may stand before the capture
	}
	switch st.Confidence {
	case pairing.Strong, pairing.Proven:
	case pairing.Likely:
		level = min(level, pairing.Strong)
	case pairing.Possible:
		level = min(level, pairing.Likely)
	default:
		return pairing.Suppressed
	}
	if st.Alone {
		level = min(level, pairing.Likely)
	}
	if a.Weakened && !a.Flat {
		level = level.Down()
	}
	return level
}

// reused notes that the client wrote another command while k replies were owed.
func (s *Conn) reused(l limits, k int, st client.Stance) {
	if s.Desync == nil || !s.Desync.started {
		return
	}
	s.Dirty = true
	s.Behind = max(s.Behind, k)
	d := s.Desync
	d.Reuses++
	d.ReusesBy[d.ground]++
	d.Behind = max(d.Behind, k)
	d.LastTime = l.next.Time
}

// overtook notes that a command was written on a dirty connection before the reply to the one before it had arrived,
// whichever reply the caller of that one may have got: the ACK numbers alone prove it.
func (s *Conn) overtook(last, next *pairing.Exchange, k int) {
	d := s.Desync
	if d == nil || !d.started {
		return
	}
	d.Overtaken++
	if d.Proof != nil {
		return
	}
	d.Proof = &Abandonment{Given: *last, Next: *next, Gap: next.Time.Sub(last.EndTime), Flat: true, Owed: k, Confidence: pairing.Proven}
	switch st := s.Stance(); {
	case st.Confidence >= pairing.Strong:
	case st.Confidence == pairing.Likely && !st.Alone:
		d.Proof.Confidence = pairing.Strong
	default:
		d.Proof.Confidence = pairing.Likely
	}
	d.Proof.Given.Session, d.Proof.Next.Session = nil, nil
}

// misread notes that the caller of ex got r's reply.
func (s *Conn) misread(ex, r *pairing.Exchange, conf pairing.Confidence, l limits) {
	d := s.trouble()
	v := s.victim(ex, r, conf)
	if ex.Flags&pairing.NotAwaited != 0 {
		d.Quits++
		if d.QuitVictim.Index == 0 {
			d.QuitVictim = v
		}
		return
	}
	if !d.started {
		return
	}
	d.tookRedirect(s, ex, r, v)
	d.NVictims++
	d.Strongest = max(d.Strongest, conf)
	d.ByCommand[v.Command]++
	d.BySaw[v.Saw]++
	d.LastTime = ex.Time
	d.Last = v
	if len(d.Victims) < maxVictims {
		d.Victims = append(d.Victims, v)
	}
}

// victim describes a caller that got another command's reply.
func (s *Conn) victim(ex, r *pairing.Exchange, conf pairing.Confidence) pairing.Victim {
	v := pairing.Victim{
		Index: ex.Index, Command: ex.CommandName(), Key: s.Judging.Print.Key(ex), Believes: r.Index,
		Frame: ex.Frame, File: ex.File, Time: ex.Time, Confidence: conf, Meant: "none seen", Got: "an older reply",
	}
	if ex.Served {
		v.Serves, v.Meant = ex.Index, s.Judging.Print.Describe(ex, &ex.Serves)
	}
	if r.Served {
		v.Got = s.Judging.Print.Describe(r, &r.Serves)
	}
	if r.Caller.Half {
		v.Got = "the rest of " + v.Got
	}
	v.Saw = saw(ex, r)
	return v
}

// saw says what the program most likely noticed.
func saw(ex, r *pairing.Exchange) string {
	switch {
	case !r.Served:
		return "an unknown reply"
	case r.Serves.Kind == resp.Null:
		return "nil"
	case r.Serves.Kind == resp.Error:
		if _, ok := resp.ParseRedirect(r.Serves.Text.Raw()); ok {
			return "redirect"
		}
		return "error"
	case ex.Served && ex.Serves.Kind != r.Serves.Kind && ex.Serves.Kind != resp.Null && ex.Serves.Kind != resp.Error:
		return "wrong type"
	case ex.Served && sameReply(&ex.Serves, &r.Serves):
		return "the same value by luck"
	}
	return "wrong value"
}

func sameReply(a, b *pairing.ReplyInfo) bool {
	return a.Kind == b.Kind && a.N == b.N && a.Text.Whole() && string(a.Text.Raw()) == string(b.Text.Raw())
}
