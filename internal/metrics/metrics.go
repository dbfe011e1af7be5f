// Package metrics counts what a live run sees, for Prometheus.
//
// Labels are the rule, the server and the family of the command, nothing else: keys, clients and connections would make
// the number of series grow with the traffic.
package metrics

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp/commands"
)

// Bounds of the series.
const (
	// maxSeries bounds the latency histograms: 64 servers with 64 families of commands each.
	maxSeries = 4096

	// Other labels what is beyond a bound, and commands that are not known.
	Other = "other"
)

// State is what other parts of a live run have counted since it began, but for the gauges. It is copied as a whole, so
// that a scrape sees one moment.
type State struct {
	Packets, Bytes   int64
	KernelDrops      int64 // packets that the kernel dropped because the ring was full
	InterfaceDrops   int64
	LostBytes        int64 // stream bytes that were acknowledged and never captured
	Connections      int64 // TCP connections seen
	Open             int64 // gauge: connections followed now
	Outstanding      int64 // gauge: commands whose reply or judgement is due
	Behind           int64 // gauge: open connections whose callers are behind
	OpenIncidents    int64 // gauge: incidents that go on
	Rules            []incident.RuleCount
	Commands         int64
	Replies          int64
	LimitHits        int64            // times that a bound of memory or of evidence was reached
	Limits           map[string]int64 // the same by the name of the bound; their number is that of the bounds
	Restarts         int64            // of them, times that the analysis began anew
	OutputSkipped    int64            // messages that a slow output did not take
	RecordSkipped    int64            // packets that a slow disk did not take
	EvidenceFiles    int64
	EvidenceSkipped  int64 // findings without a file, because of a limit
	CaptureTimestamp float64
}

// Metrics holds the counts of one live run. Event and Update serve the goroutine that runs the analysis; everything
// may be scraped at any time.
type Metrics struct {
	registry   *prometheus.Registry
	limits     bound.Set
	histograms *bound.Bound
	state      atomic.Pointer[State]

	latency map[seriesKey]*histogram // of the analysis' goroutine
	last    seriesKey
	recent  *histogram

	mu       sync.Mutex
	series   []*histogram
	families map[familyKey]*histogram
}

type seriesKey struct {
	server  netip.AddrPort
	command *commands.Command
}

type familyKey struct{ server, family string }

// New returns Metrics with nothing counted. The rules are served as 0 from the start: Prometheus takes the first value that
// it sees of a counter for no increase, so the first findings of a rule that appears with them would alert nobody.
func New(rules ...string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), latency: map[seriesKey]*histogram{}, families: map[familyKey]*histogram{},
	}
	m.histograms = m.limits.New(bound.Bound{
		Name: "latency histograms of the metrics", Limit: maxSeries, Hides: "which further servers and families of commands were slow: they are counted as " + Other, Loses: bound.Detail,
	})
	first := &State{}
	for _, r := range rules {
		first.Rules = append(first.Rules, incident.RuleCount{Rule: r})
	}
	m.state.Store(first)
	m.registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Update replaces the State. The hits of a limit never fall, as it must be of a counter: a connection that was passed
// over for others, and taken up after all, stays counted.
func (m *Metrics) Update(s State) {
	before := m.state.Load()
	limits := maps.Clone(before.Limits)
	if limits == nil {
		limits = map[string]int64{}
	}
	for name, hits := range s.Limits {
		limits[name] = max(limits[name], hits)
	}
	s.Limits, s.LimitHits = limits, max(s.LimitHits, before.LimitHits)
	m.state.Store(&s)
}

// Bounds returns the limits of the metrics. They belong to the goroutine of the analysis.
func (m *Metrics) Bounds() *bound.Set { return &m.limits }

// Event counts an event of the analysis.
func (m *Metrics) Event(event pairing.Event) {
	e, ok := event.(*pairing.Exchange)
	if !ok || !e.Served || e.Flags&pairing.Blocks != 0 {
		return
	}
	key := seriesKey{e.Session.Server, e.Command}
	h := m.recent
	if key != m.last || h == nil {
		if h = m.latency[key]; h == nil {
			h = m.open(key)
		}
		m.last, m.recent = key, h
	}
	h.observe(e.Serves.FirstTime.Sub(e.EndTime))
}

// open finds or makes the histogram of a server's commands of one family.
func (m *Metrics) open(key seriesKey) *histogram {
	f := familyKey{key.server.String(), Other}
	if key.command != nil {
		f.family = key.command.Family()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.families[f]; !known && !m.histograms.Admits(len(m.series)+1) {
		f = familyKey{Other, Other}
	}
	h := m.families[f]
	if h == nil {
		h = &histogram{server: f.server, family: f.family}
		m.families[f] = h
		m.series = append(m.series, h)
	}
	if len(m.latency) >= 4*maxSeries {
		clear(m.latency) // servers that come and go; the histograms stay
	}
	m.latency[key] = h
	return h
}

// bounds are the upper ends of the latency buckets.
var bounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
}

// histogram is one goroutine's to write and any's to read.
type histogram struct {
	server, family string
	buckets        [len(bounds) + 1]atomic.Uint64
	nanoseconds    atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.nanoseconds.Add(int64(max(d, 0)))
}
