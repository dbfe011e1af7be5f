package reader

import (
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// patienceOf is how long the callers of one connection wait.
type patience struct {
	t, slack time.Duration
	sure     pairing.Confidence
	reused   bool // somebody of the population went on with a reply due
	timeout  *client.Timeout
	waits    *client.Timeouts // all that is known of the population's waits
}

// patienceOf returns the read timeout to hold the session's replies against, or none: the population has shown none, or
// this connection demonstrably waits longer.
func patienceOf(s *Conn, st client.Stance) patience {
	if t, ok := s.Reg.GivenTimeout(s.Client.Addr()); ok {
		return patience{t, s.Reg.Parameters.SlackOf(t), pairing.Strong, true, &client.Timeout{T: t, P75: t, Given: true}, nil}
	}
	if s.Group == nil || !st.Reads() || s.Reg.Without&client.WithoutTimeout != 0 {
		return patience{}
	}
	ts := s.Group.Pop.Estimate()
	if len(ts.Values) == 0 {
		return patience{waits: ts}
	}
	best := &ts.Values[0]
	for i := range ts.Values {
		if ts.Values[i].T > best.T {
			best = &ts.Values[i] // several populations: the most patient one accuses nobody
		}
	}
	w := patience{best.T, s.Reg.Parameters.SlackOf(best.T), pairing.Strong, s.Group.Pop.Reuses > 0, best, ts}
	if best.FromDefault {
		w.sure = pairing.Likely
	}
	if vetoes(s, w) {
		return patience{waits: ts}
	}
	if s.Group.Pop.Patient > w.t+w.slack {
		w.sure = pairing.Possible // some neighbour waits longer: this connection may be of its kind
	}
	return w
}

// partsMin is how many waits must have ended with the connection, and none with its reuse, to show clients that close.
const partsMin = 30

// parts reports whether the population closes a connection whenever a read on it times out. A reply that came late and
// was followed by another command all the same was read, then: by a timer that was set late, as in a process whose threads
// wait for one another, or by a more patient user of the same address.
func (w patience) parts() bool { return !w.reused && w.waits != nil && w.waits.Parted >= partsMin }

// vetoes reports whether this connection shows that it waits longer than w: replies later than that were followed
// promptly by the next command, twice or more, so somebody was waiting for them.
func vetoes(s *Conn, w patience) bool {
	if s.Patient[1] > w.t+w.slack {
		return true
	}
	late, soon := 0, 0
	for i := range s.Log.Len() {
		ex := s.Log.At(i)
		if !ex.Served || ex.Flags&pairing.Blocks != 0 || ex.Serves.FirstTime.Sub(ex.EndTime) <= w.t+w.slack {
			continue
		}
		if !s.Group.Pop.Knows(ex) {
			return true // no client of this kind was ever seen to give up on this command
		}
		late++
		if i+1 < s.Log.Len() {
			if d := s.Log.At(i + 1).Time.Sub(ex.Serves.Time); d >= 0 && d < client.Prompt {
				soon++
			}
		}
	}
	return soon >= 2 && soon*2 >= late
}

// verdict holds the silence before a reply against what is known of the population's patience. It returns why the
// reply was not read, if it was not, and the chance that this is right.
//
// Between T and T plus slack the timer may or may not have fired. There it counts what came next: a client that says
// goodbye had not got its reply, one that goes on promptly had, and else the lateness of the population's timers
// decides, unless nobody of the population was ever seen to go on with a reply due.
func (w patience) verdict(r *pairing.Exchange, silence time.Duration, l limits) (whyUnread, float64) {
	silence = max(silence, r.Serves.MaxGap)
	after := time.Duration(0)
	if l.next != nil {
		after = l.next.Time.Sub(r.Serves.Time)
	}
	switch {
	case w.t == 0 || silence <= w.t-w.early():
		return readInTime, 1
	case silence <= w.t && after < client.Prompt:
		return readInTime, 0.9
	case silence <= w.t:
		return readInTime, 0.6
	case l.next != nil && l.next.Flags&pairing.NotAwaited == 0 && w.parts():
		return readInTime, 0.6
	case silence > w.t+w.slack:
		return byTimeout, 1
	case l.next == nil:
		return readInTime, 0.5
	case l.next.Flags&pairing.NotAwaited != 0:
		return byTimeout, 0.98
	case after < client.Prompt:
		return readInTime, 0.9
	case silence < w.timeout.P75, !w.reused:
		return readInTime, 0.5
	}
	return byTimeout, 0.9
}

// early is how much sooner than T the timer may really fire: T is an upper bound where waits ended with the next
// command only.
func (w patience) early() time.Duration {
	if w.timeout != nil && w.timeout.Reused && !w.timeout.Given {
		return max(10*time.Millisecond, w.t/20)
	}
	return 0
}

// ends reports whether a wait of that length ends by the read timeout of callers that were seen to close after it.
func (w patience) ends(gap time.Duration) bool {
	return w.timeout != nil && !w.timeout.Reused && !w.timeout.FromDefault && gap >= w.t && gap <= w.t+w.slack
}

// shortest is a wait that nobody of the population was seen to end sooner; 0 if none was seen to end.
func (w patience) shortest() time.Duration {
	if w.waits == nil {
		return 0
	}
	return w.waits.P5
}

// tried reports whether some caller of the population was seen to give up within such a silence.
func (w patience) tried(silence time.Duration) bool {
	return silence >= pairing.SuspectGap && w.waits != nil && w.waits.N > 0 && silence >= w.waits.P5
}

// lastLevel is how sure it is that the last caller of a connection read a reply that came after silence. Nothing that
// follows shows it, so the waits of the others must: callers that all wait for a fixed time had not given up before
// it, and of callers that are cancelled none was ever seen to give up sooner than the 5th percentile.
func (w patience) lastLevel(silence time.Duration) pairing.Confidence {
	switch {
	case w.t > 0 && silence <= w.t:
		return w.sure
	case w.t > 0 || w.waits == nil || !w.waits.Cancelled || silence > w.waits.P95:
		return pairing.Possible
	case silence < w.waits.P5:
		return pairing.Strong
	}
	return pairing.Likely
}
