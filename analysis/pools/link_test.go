package pools

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
)

func sec(s float64) capture.Time { return capture.Time(s * float64(time.Second)) }

// TestServerTimeout holds the formula against the article's connection and its neighbours: a FIN in the second that
// begins timeout+1 whole seconds after the last use.
func TestServerTimeout(t *testing.T) {
	for _, c := range []struct {
		last, fin float64
		want      int
	}{
		{26.801, 87.575, 60}, {26.0, 87.0, 60}, {26.999, 87.999, 60}, {26.999, 88.0, 61}, {26.8, 86.99, 59}, {10, 11, 0}, {0, 301.5, 0},
	} {
		var f ConnFacts
		f.ServerFIN, f.LastData = Mark{Frame: 1, Time: sec(c.fin)}, sec(c.last)
		f.IdleAtFIN = f.ServerFIN.Time.Sub(f.LastData)
		if got := f.ServerTimeout(); got != c.want {
			t.Errorf("last use %v, FIN %v: timeout %d, want %d", c.last, c.fin, got, c.want)
		}
	}
}

// TestTimelineStaysSmall holds the bound and the maxima of a timeline that lasts for days.
func TestTimelineStaysSmall(t *testing.T) {
	var tl Timeline
	for i := range 300000 {
		n := 5
		if i == 123456 {
			n = 77
		}
		tl.add(sec(float64(i)), n)
		tl.add(sec(float64(i)+0.1), 3)
	}
	if len(tl.Open) > maxTimeline || slices.Max(tl.Open) != 77 || slices.Min(tl.Open) != 5 {
		t.Errorf("%d points of %v, from %d to %d", len(tl.Open), tl.Step, slices.Min(tl.Open), slices.Max(tl.Open))
	}
	if tl.Step*time.Duration(len(tl.Open)) < 300000*time.Second {
		t.Errorf("%d points of %v do not cover the time", len(tl.Open), tl.Step)
	}
}

// failures makes a link whose attempts to connect failed at the given seconds.
func failures(at ...float64) *Link {
	l := &Link{Client: netip.MustParseAddr("10.0.0.1"), registry: NewRegistry(RegistryOptions{})}
	for _, s := range at {
		l.Failed = append(l.Failed, FailedOpen{SYN: Mark{Frame: 1, Time: sec(s)}, Refused: true})
	}
	return l
}

// TestProbing holds the search for a period of failed attempts: one pool, two pools interleaved, none.
func TestProbing(t *testing.T) {
	for _, c := range []struct {
		at   []float64
		want time.Duration
	}{
		{[]float64{2, 32, 62, 92}, 30 * time.Second},
		{[]float64{2, 9, 32, 39.01, 62.002, 69, 92.003, 99, 122}, 30 * time.Second},
		{[]float64{2, 32, 62}, 0},
		{[]float64{2, 3, 5, 8, 13, 21}, 0},
		{[]float64{1, 1.2, 1.4, 1.6, 1.8, 2.0}, 0},
		{[]float64{2}, 0},
		{nil, 0},
	} {
		if probes, period := failures(c.at...).Probing(); period != c.want || period > 0 && len(probes) != len(c.at) {
			t.Errorf("%v: %d probes every %v, want every %v", c.at, len(probes), period, c.want)
		}
	}
}

// ticking makes a link with one chain for each phase, that ticks every period with a drift, n times.
func ticking(period, drift time.Duration, n int, phases ...time.Duration) *Link {
	end := capture.Time(0)
	l := &Link{registry: NewRegistry(RegistryOptions{Span: func() (capture.Time, capture.Time) { return 0, end }})}
	for i, ph := range phases {
		l.Chains = append(l.Chains, Chain{Conns: 1})
		for k := range n {
			at := capture.Time(0).Add(ph + time.Duration(k)*(period+drift))
			l.Ticks = append(l.Ticks, Tick{Time: at, Conn: int64(i + 1), Chain: i, Kind: TickPing})
			l.Chains[i].Ticks++
			l.Chains[i].Last = at
			end = max(end, at)
			if k > 0 {
				l.intervals = append(l.intervals, period+drift)
			}
		}
	}
	return l
}

// TestPoolsCount holds the count of pools: it follows a timer's drift over hours, never merges pools 150 ms apart, and
// merges those made within the width.
func TestPoolsCount(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name   string
		link   *Link
		period time.Duration
		want   int
	}{
		{"drift", ticking(30*time.Second, 2*ms, 400, 100*ms, 250*ms, 400*ms), 30 * time.Second, 3},
		{"close", ticking(30*time.Second, 0, 10, 100*ms, 120*ms), 30 * time.Second, 1},
		{"wrap", ticking(4*time.Second, ms, 10, 1*ms, 3980*ms), 4 * time.Second, 1},
		{"too fast", ticking(time.Second, 0, 50, 0, 300*ms), 0, 0},
		{"too few", ticking(30*time.Second, 0, 2, 0, 300*ms), 0, 0},
	} {
		if p := c.link.Pools(); p.Period != c.period || len(p.Clusters) != c.want {
			t.Errorf("%s: %d pools every %v, want %d every %v", c.name, len(p.Clusters), p.Period, c.want, c.period)
		}
	}
}
