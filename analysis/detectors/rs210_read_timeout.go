package detectors

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
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
			return analysis.Hooks{Waited: w.waited, Troubled: w.exchange, Finish: func(run *analysis.Run) {
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

// early is how much sooner than the 5th percentile of a timer's samples it may have fired.
const early = 2 * time.Millisecond

// timedOut says whether a wait ended by a read timeout, and by which. t is nil where the timeout's length is not known
// but nothing else can have ended the wait.
func timedOut(run *analysis.Run, x *wait) (t *client.Timeout, level pairing.Confidence) {
	st := run.StanceOf(x.group)
	if st.Policy == client.PolicyMultiplex || st.Policy == client.PolicyAsync {
		return nil, pairing.Suppressed
	}
	top := pairing.Strong
	if st.Confidence == pairing.Suppressed && x.how == client.GaveUpReuse {
		return nil, pairing.Suppressed // it may be a pipeline
	}
	if d, ok := run.GivenTimeout(x.client.Addr()); ok {
		if x.gap < d-early {
			return nil, pairing.Suppressed
		}
		return &client.Timeout{T: d, Given: true}, top
	}
	ts := x.group.Population().Waits()
	for i := range ts.Values {
		v := &ts.Values[i]
		if x.gap < v.T-early || t != nil && v.T < t.T {
			continue
		}
		t = v
	}
	switch {
	case t != nil && t.FromDefault:
		return t, pairing.Likely
	case t != nil:
		return t, top
	case len(ts.Values) > 0 || ts.Cancelled || x.how == client.GaveUpReuse:
		return nil, pairing.Suppressed
	}
	// Too few to measure. Calls of a library that cannot be cancelled from outside end by a timeout only.
	if lib := x.group.Population().Lib(); lib.Name != "" && !lib.Cancels && x.gap >= shortestTimeout {
		return nil, pairing.Likely
	}
	return nil, pairing.Suppressed
}

// shortestTimeout is the shortest wait that may be a read timeout where the timeout itself cannot be measured.
const shortestTimeout = 50 * time.Millisecond

// timer says how the length of the wait is known to be a timer's.
func timer(t *client.Timeout, gap time.Duration) string {
	switch {
	case t == nil:
		return "too few waits to measure the timeout; calls of this library end without a reply by a timeout only"
	case t.Given:
		return "read timeout as given: " + nominal(t.T)
	}
	text := fmt.Sprintf("%s of this client ended at the same length: p5 %s, p50 %s, p75 %s", incident.Counted(t.N, "wait", "waits"), ms(t.T), ms(t.P50), ms(t.P75))
	if t.FromDefault {
		text = "one wait of this client ended so"
	}
	if t.Default != "" {
		text += fmt.Sprintf("; %s is consistent with the %s default %s", seconds(gap), t.Default, nominal(t.T))
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
	reused := 0
	for _, h := range all {
		reused += h.reused
	}
	if reused == 0 {
		return text + ", and each connection was closed, as it should be"
	}
	return text + fmt.Sprintf(" (%d connections were used again)", reused)
}

func timeoutRemedy(f *incident.Finding, h *handled) string {
	text := fmt.Sprintf("%s timed out", incident.Counted(f.Count, "read", "reads"))
	if h.timeout != nil {
		text += " after " + nominal(h.timeout.T)
		if h.timeout.Default != "" {
			text += fmt.Sprintf(" (consistent with the %s default %s)", h.timeout.Default, nominal(h.timeout.T))
		}
	}
	switch {
	case h.stalled == 0:
		text += "; no stall of the server on several connections was seen then (RS401). "
	default:
		text += fmt.Sprintf("; %d %% coincide with server stalls (RS401). ", h.stalled*100/h.all)
	}
	if h.reused > 0 {
		return text + fmt.Sprintf("The client handled %d of them wrongly: it used the connection again (RS101). Find why replies are late, "+
			"and close connections after a timeout.", h.reused)
	}
	return text + "The client handled this correctly: it closed the connection each time. Find why replies are late."
}
