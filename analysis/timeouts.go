package analysis

import (
	"slices"
	"time"
)

// minTimeoutSamples is how many waits must have ended at the same length before that length is a read timeout.
const minTimeoutSamples = 3

// Timeout is a read timeout that a population has shown: waits without a reply that ended after the same time.
type Timeout struct {
	T             time.Duration // 5th percentile of the cluster: timers are late, never early
	P50, P75, P95 time.Duration
	N             int
	Default       string // the library default that it equals, if any
	FromDefault   bool   // too few samples: believed only because it equals a default
	Given         bool   // the user said so
	Reused        bool   // from waits that ended with the next command: the timer may fire sooner, by the pool\'s turnaround
}

// Timeouts is what is known of how long a population waits.
type Timeouts struct {
	Values            []Timeout     // the most frequent first
	Cancelled         bool          // waits end after all kinds of times: calls are cancelled from above
	N                 int           // samples in all
	Parted            int           // of these, how many ended with QUIT or a close
	P5, P50, P75, P95 time.Duration // of all samples
}

func (t *Timeouts) fixed() bool { return len(t.Values) > 0 && !t.Values[0].FromDefault }

// defaults are the read timeouts that libraries come with.
var defaults = []struct {
	t    time.Duration
	name string
}{
	{500 * time.Millisecond, "redis-rs async"},
	{time.Second, "redis-rb 5"},
	{2 * time.Second, "Jedis"},
	{3 * time.Second, "go-redis v8/v9"},
	{5 * time.Second, "redis-rb 4, StackExchange.Redis, recent redis-py, node-redis and go-redis"},
	{60 * time.Second, "Lettuce and PHP"},
}

func defaultNamed(t time.Duration) string {
	for _, d := range defaults {
		if over := t - d.t; over >= 0 && over <= max(20*time.Millisecond, d.t/100) {
			return d.name
		}
	}
	return ""
}

// estimate infers the read timeouts of a population from its samples: the densest window of width max(2 ms, 1 %) that
// holds at least three of them and the better part of what is there; then the same among the rest, for a second
// population behind the same address. Samples without such a window mean cancellation.
func (p *Population) estimate() *Timeouts {
	if p.estimated == len(p.samples) {
		return &p.timeouts
	}
	p.estimated = len(p.samples)
	all := make([]time.Duration, 0, len(p.samples))
	var parted []time.Duration
	for _, x := range p.samples {
		all = append(all, x.gap)
		if x.how != GaveUpReuse {
			parted = append(parted, x.gap)
		}
	}
	slices.Sort(all)
	slices.Sort(parted)
	t := &p.timeouts
	*t = Timeouts{N: len(all), Parted: len(parted), P5: percentile(all, 5), P50: percentile(all, 50), P75: percentile(all, 75), P95: percentile(all, 95)}
	// Who says goodbye or closes does so when the timer fires. The next command comes later, by the way of the
	// connection through its pool: it only counts where there is nothing better.
	if t.cluster(parted, false, p.knobs); len(t.Values) == 0 {
		t.cluster(all, true, p.knobs)
	}
	t.Cancelled = len(t.Values) == 0 && len(all) >= 5
	return t
}

// cluster finds the read timeouts in sorted waits. reused says that they may have ended with the next command.
func (t *Timeouts) cluster(gaps []time.Duration, reused bool, k *knobs) {
	rest := gaps
	for len(t.Values) < maxTimeouts {
		lo, hi := densest(rest, narrowWindow)
		if hi-lo < k.timeoutSamples || (hi-lo)*clusterShare < len(rest)*2 {
			// Kernels with a coarse clock fire socket timers up to a tick of 10 ms late: then nearly all samples must agree.
			if lo, hi = densest(rest, coarseWindow); hi-lo < max(coarseSamples, k.timeoutSamples) || (hi-lo)*5 < len(rest)*4 || len(t.Values) > 0 {
				break
			}
		}
		// Timers are late, never early: what came sooner was something else.
		if lo*earlyShare > len(rest) && len(t.Values) == 0 && lo >= k.timeoutSamples {
			if l, h := densest(rest[:lo], narrowWindow); (h-l)*clusterShare < lo*2 {
				break
			}
		}
		v := Timeout{T: percentile(rest[lo:hi], 5), Reused: reused}
		if reused {
			v.T = rest[lo]
		}
		for hi < len(rest) && rest[hi] <= v.T+k.slackOf(v.T) {
			hi++ // the same timer, fired late
		}
		c := rest[lo:hi]
		v.P50, v.P75, v.P95, v.N = percentile(c, 50), percentile(c, 75), percentile(c, 95), len(c)
		v.Default = defaultNamed(v.T)
		if len(t.Values) > 0 && v.T*2 < t.Values[0].T*3 && v.T*3 > t.Values[0].T*2 {
			break // no population of its own: the tail of the first
		}
		t.Values = append(t.Values, v)
		rest = slices.Concat(rest[:lo], rest[hi:])
	}
	if len(t.Values) == 0 && len(gaps) > 0 && len(gaps) < k.timeoutSamples && reused {
		for _, g := range gaps {
			if name := defaultNamed(g); name != "" {
				t.Values = append(t.Values, Timeout{T: g, P50: g, P75: g, P95: g, N: 1, Default: name, FromDefault: true})
				break
			}
		}
	}
}

const (
	maxTimeouts  = 3
	clusterShare = 5  // a cluster holds at least 2/5 of the samples that are left
	earlyShare   = 10 // at most a tenth of them may be shorter

	narrowWindow  = 2 * time.Millisecond
	coarseWindow  = 12 * time.Millisecond
	coarseSamples = 5
)

// densest returns the bounds of the window of width max(least, 1 %) that holds the most of the sorted gaps.
func densest(gaps []time.Duration, least time.Duration) (lo, hi int) {
	j := 0
	for i := range gaps {
		width := max(least, gaps[i]/100)
		for j < len(gaps) && gaps[j]-gaps[i] <= width {
			j++
		}
		if j-i > hi-lo {
			lo, hi = i, j
		}
	}
	return lo, hi
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*p/100]
}

// patience is how long the callers of one connection wait.
type patience struct {
	t, slack time.Duration
	sure     Confidence
	reused   bool // somebody of the population went on with a reply due
	timeout  *Timeout
	waits    *Timeouts // all that is known of the population's waits
}

// patience returns the read timeout to hold the session's replies against, or none: the population has shown none, or
// this connection demonstrably waits longer.
func (s *Session) patience(st Stance) patience {
	if t, ok := s.run.givenTimeout(s.Client.Addr()); ok {
		return patience{t, s.run.knobs.slackOf(t), Strong, true, &Timeout{T: t, P75: t, Given: true}, nil}
	}
	if s.group == nil || !st.reads() || s.run.without&withoutTimeout != 0 {
		return patience{}
	}
	ts := s.group.pop.estimate()
	if len(ts.Values) == 0 {
		return patience{waits: ts}
	}
	best := &ts.Values[0]
	for i := range ts.Values {
		if ts.Values[i].T > best.T {
			best = &ts.Values[i] // several populations: the most patient one accuses nobody
		}
	}
	w := patience{best.T, s.run.knobs.slackOf(best.T), Strong, s.group.pop.reuses > 0, best, ts}
	if best.FromDefault {
		w.sure = Likely
	}
	if s.vetoes(w) {
		return patience{waits: ts}
	}
	if s.group.pop.patient > w.t+w.slack {
		w.sure = Possible // some neighbour waits longer: this connection may be of its kind
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
func (s *Session) vetoes(w patience) bool {
	if s.patient[1] > w.t+w.slack {
		return true
	}
	late, soon := 0, 0
	for i := range s.log.len() {
		ex := s.log.at(i)
		if !ex.Served || ex.Flags&Blocks != 0 || ex.Serves.FirstTime.Sub(ex.EndTime) <= w.t+w.slack {
			continue
		}
		if !s.group.pop.knows(ex) {
			return true // no client of this kind was ever seen to give up on this command
		}
		late++
		if i+1 < s.log.len() {
			if d := s.log.at(i + 1).Time.Sub(ex.Serves.Time); d >= 0 && d < prompt {
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
func (w patience) verdict(r *Exchange, silence time.Duration, l limits) (whyUnread, float64) {
	silence = max(silence, r.Serves.MaxGap)
	after := time.Duration(0)
	if l.next != nil {
		after = l.next.Time.Sub(r.Serves.Time)
	}
	switch {
	case w.t == 0 || silence <= w.t-w.early():
		return readInTime, 1
	case silence <= w.t && after < prompt:
		return readInTime, 0.9
	case silence <= w.t:
		return readInTime, 0.6
	case l.next != nil && l.next.Flags&NotAwaited == 0 && w.parts():
		return readInTime, 0.6
	case silence > w.t+w.slack:
		return byTimeout, 1
	case l.next == nil:
		return readInTime, 0.5
	case l.next.Flags&NotAwaited != 0:
		return byTimeout, 0.98
	case after < prompt:
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
	return silence >= suspectGap && w.waits != nil && w.waits.N > 0 && silence >= w.waits.P5
}

// lastLevel is how sure it is that the last caller of a connection read a reply that came after silence. Nothing that
// follows shows it, so the waits of the others must: callers that all wait for a fixed time had not given up before
// it, and of callers that are cancelled none was ever seen to give up sooner than the 5th percentile.
func (w patience) lastLevel(silence time.Duration) Confidence {
	switch {
	case w.t > 0 && silence <= w.t:
		return w.sure
	case w.t > 0 || w.waits == nil || !w.waits.Cancelled || silence > w.waits.P95:
		return Possible
	case silence < w.waits.P5:
		return Strong
	}
	return Likely
}
