package detectors

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
)

// ReadTimeout is RS210: reads that ended because the client's read timeout had passed.
func ReadTimeout() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS210", Name: "read-timeout", Severity: incident.Medium, Since: "0.1.0",
		Summary: "reads timed out: clients went on without the reply after their read timeout",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS401"}, Share: incident.StalledWait},
			{Rules: []string{"RS402"}, Share: incident.SameConnection},
		},
		Step: incident.StepText{One: "1 read timed out", Many: "%d reads timed out"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := newWaits(r)
			groups := incident.Keep(r.Collector, incident.Texts[handled]{
				Title: func(f *incident.Finding, h *handled) string {
					after := ""
					if h.timeout != nil {
						after = " after " + nominal(h.timeout.T)
					}
					return fmt.Sprintf("%s timed out%s", incident.Counted(f.Count, "read", "reads"), after)
				},
				Remedy: timeoutRemedy, Step: timeoutStep,
				Notes: func(_ *incident.Finding, h *handled) []string { return h.notes() },
			})
			return analysis.Hooks{Waited: w.waited, Finish: func(run *analysis.Run) {
				for _, x := range w.all {
					t, level := timedOut(run, x)
					if level == pairing.Suppressed {
						continue
					}
					o := x.occurrence(run)
					o.Confidence = level
					if t != nil {
						o.Timeout = incident.Setting(t.T)
					}
					o.Evidence = x.evidence(run, func() string { return timer(t, x.gap) })
					h := groups.Add(o)
					if h.timeout == nil {
						h.timeout = t
					}
					h.add(x, run)
				}
			}}
		},
	}
}

// timedOut says whether a wait ended by a read timeout, and by which. t is nil where the timeout's length is not known
// but nothing else can have ended the wait.
func timedOut(run *analysis.Run, x *wait) (t *desync.Timeout, level pairing.Confidence) {
	if x.together(run) {
		return nil, pairing.Suppressed
	}
	top := min(x.sure, pairing.Strong)
	if d, ok := run.GivenTimeout(x.client.Addr()); ok {
		if x.gap < d-d/64 { // the clock of the tap
			return nil, pairing.Suppressed
		}
		return &desync.Timeout{T: d, Given: true}, top
	}
	h := run.Habits(x.pop)
	if h == nil || cancels(h) || x.doubtful() {
		return nil, pairing.Suppressed
	}
	for i := range h.Timeouts {
		if v := &h.Timeouts[i]; x.gap.Seconds() >= v.From && (t == nil || desync.TimeoutOf(v).T > t.T) {
			found := desync.TimeoutOf(v)
			t = &found
		}
	}
	switch {
	case t != nil:
		return t, top
	case len(h.Timeouts) > 0 || x.how == desync.GaveUpReuse:
		return nil, pairing.Suppressed
	case libraryDefault(x.gap) != "":
		return &desync.Timeout{T: x.gap, Low: x.gap, High: x.gap, N: 1}, min(top, pairing.Likely)
	}
	// Too few to measure. Calls of a library that cannot be cancelled from outside end by a timeout only.
	if lib := x.pop.Library(); lib.Name != "" && !lib.Cancels && x.gap >= shortestTimeout {
		return nil, min(top, pairing.Likely)
	}
	return nil, pairing.Suppressed
}

// fewWaits is how many waits without a reply are too few to tell a timer from a caller that went away.
const fewWaits = 5

// cancels reports whether a client's calls end after all kinds of times, as far as there are enough of them to tell.
func cancels(h *reader.Habits) bool { return h.Cancels() && h.Seen >= fewWaits }

// shortestTimeout is the shortest wait that may be a read timeout where the timeout itself cannot be measured.
const shortestTimeout = 50 * time.Millisecond

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

// libraryDefault names the libraries whose default a wait fits: timers are late, never early.
func libraryDefault(t time.Duration) string {
	for _, d := range defaults {
		if over := t - d.t; over >= 0 && over <= max(20*time.Millisecond, d.t/100) {
			return d.name
		}
	}
	return ""
}

// timer says how the length of the wait is known to be a timer's.
func timer(t *desync.Timeout, gap time.Duration) string {
	switch {
	case t == nil:
		return "too few waits to measure the timeout; calls of this library end without a reply by a timeout only"
	case t.Given:
		return "read timeout as given: " + nominal(t.T)
	}
	text := "one wait of this client ended so"
	if t.N > 1 {
		text = fmt.Sprintf("its caller waited %s as %s of this client did: read timeout %s, half of these waits ended between %s and %s",
			seconds(gap), incident.Counted(t.N-1, "other", "others"), ms(t.T), ms(t.Low), ms(t.High))
	}
	if name := libraryDefault(t.T); name != "" {
		text += fmt.Sprintf("; %s is consistent with the %s default %s", seconds(gap), name, nominal(t.T))
	}
	return text
}

// nominal is the setting that a measured timeout comes from.
func nominal(t time.Duration) string { return incident.SettingText(incident.Setting(t)) }

// timeoutStep says how many reads timed out, and whether the clients did right.
func timeoutStep(fs []*incident.Finding, all []*handled, n int) string {
	text := incident.Counted(n, "read", "reads") + " timed out"
	after := time.Duration(0)
	for _, f := range fs {
		after = max(after, f.Timeout)
	}
	if after > 0 {
		text += " after " + incident.SettingText(after)
	}
	reused, unsafe := 0, 0
	for _, h := range all {
		reused, unsafe = reused+h.reused, unsafe+h.unsafe
	}
	switch {
	case reused == 0:
		return text + ", and each connection was closed, as it should be"
	case unsafe == 0:
		return text + ", and what the client did with the late replies cannot be told"
	case unsafe == n:
		return text + ", and each time the connection was used again"
	}
	return text + fmt.Sprintf(", after %d of which the connection was used again", unsafe)
}

func timeoutRemedy(f *incident.Finding, h *handled) string {
	text := fmt.Sprintf("%s timed out", incident.Counted(f.Count, "read", "reads"))
	if h.timeout != nil {
		text += " after " + nominal(h.timeout.T)
		if name := libraryDefault(h.timeout.T); name != "" && !h.timeout.Given {
			text += fmt.Sprintf(" (consistent with the %s default %s)", name, nominal(h.timeout.T))
		}
	}
	switch {
	case h.stalled == 0:
		text += "; no stall of the server on several connections was seen then (RS401). "
	default:
		text += fmt.Sprintf("; %d %% coincide with server stalls (RS401). ", h.stalled*100/h.all)
	}
	switch {
	case h.unsafe > 0:
		return text + fmt.Sprintf("The client handled %d of them wrongly: it used the connection again (RS101). Find why replies are late, "+
			"and close connections after a timeout.", h.unsafe)
	case h.reused > 0:
		return text + fmt.Sprintf("After %d of them the client used the connection again, which is safe if it throws the late reply away, as clients with "+
			"a queue of callers do. Find why replies are late.", h.reused)
	}
	return text + "The client handled this correctly: it closed the connection each time. Find why replies are late."
}
