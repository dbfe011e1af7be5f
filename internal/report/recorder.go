package report

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// Bounds of a Recorder. Beyond them the figures show less; the findings are not touched.
const (
	maxOwedConns   = 512 // connections whose debt is followed
	maxOwedPoints  = 240 // states of each
	MaxFigureLines = 8   // clients in a figure
	maxDebts       = 4   // connections whose debt is drawn
	maxLatency     = 64  // clients with a latency histogram
	openSteps      = 160 // points of a line of open connections
)

// latencyBounds are the lower ends of the histogram's bins, in microseconds: 1, 2 and 5 of each decade.
var latencyBounds = []int64{0, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 20e3, 50e3, 100e3, 200e3, 500e3, 1e6, 2e6, 5e6, 10e6}

// Recorder gathers the Series while the events of a run pass by.
type Recorder struct {
	owed    map[int64]*OwedSeries
	latency map[netip.Addr]*LatencySeries
}

// NewRecorder returns an empty Recorder.
func NewRecorder() *Recorder {
	return &Recorder{owed: map[int64]*OwedSeries{}, latency: map[netip.Addr]*LatencySeries{}}
}

// Exchange takes an exchange of the connection conn; e is not kept.
func (r *Recorder) Exchange(e *pairing.Exchange, conn int64, client, server netip.AddrPort) {
	r.debt(e, conn, client, server)
	if !e.Served || e.Flags&pairing.Blocks != 0 {
		return
	}
	l := r.latency[client.Addr()]
	if l == nil {
		if len(r.latency) >= maxLatency {
			return
		}
		l = &LatencySeries{Client: AddrText(client.Addr()), BoundsUS: latencyBounds, Counts: make([]int64, len(latencyBounds))}
		r.latency[client.Addr()] = l
	}
	us := max(0, e.Serves.FirstTime.Sub(e.EndTime).Microseconds())
	bin, exact := slices.BinarySearch(latencyBounds, us)
	if !exact {
		bin--
	}
	l.Counts[bin]++
}

// debt follows a connection from its first sign of trouble on.
func (r *Recorder) debt(e *pairing.Exchange, conn int64, client, server netip.AddrPort) {
	s := r.owed[conn]
	if s == nil {
		if e.Owed == 0 && e.Belief.Index == e.Index || len(r.owed) >= maxOwedConns {
			return
		}
		s = &OwedSeries{Conn: conn, Client: AddrPortText(client), Server: AddrPortText(server)}
		r.owed[conn] = s
	}
	if len(s.Points) < maxOwedPoints {
		s.Points = append(s.Points, OwedPoint{Stamp(e.Time), e.Outstanding, e.Owed})
	}
}

// Series returns what the figures of the findings need. conns are the connections of the run.
func (r *Recorder) Series(findings []incident.Finding, conns []*analysis.ConnSummary) *Series {
	s := &Series{Open: openSeries(conns), Owed: r.debts(findings)}
	timeouts := readTimeouts(conns)
	for _, client := range slices.SortedFunc(maps.Keys(r.latency), netip.Addr.Compare) {
		l := r.latency[client]
		l.ReadTimeoutMS = nil
		for _, t := range slices.Sorted(maps.Keys(timeouts[client])) {
			l.ReadTimeoutMS = append(l.ReadTimeoutMS, float64(t)/1e6)
		}
		if len(s.Latency) < MaxFigureLines {
			s.Latency = append(s.Latency, *l)
		}
	}
	return s
}

// debts chooses connections that findings name as examples: those with the longest history first, among equals those of
// the worse finding.
func (r *Recorder) debts(findings []incident.Finding) []OwedSeries {
	var chosen []*OwedSeries
	seen := map[int64]bool{}
	for i := range findings {
		for j := range findings[i].Examples {
			conn := findings[i].Examples[j].Conn
			if o := r.owed[conn]; o != nil && !seen[conn] {
				seen[conn] = true
				chosen = append(chosen, o)
			}
		}
	}
	slices.SortStableFunc(chosen, func(a, b *OwedSeries) int { return cmp.Compare(len(b.Points), len(a.Points)) })
	var series []OwedSeries
	for _, o := range chosen[:min(len(chosen), maxDebts)] {
		slices.SortStableFunc(o.Points, func(a, b OwedPoint) int { return cmp.Compare(a.Time, b.Time) })
		series = append(series, *o)
	}
	return series
}

// readTimeouts collects the read timeouts of each client.
func readTimeouts(conns []*analysis.ConnSummary) map[netip.Addr]map[time.Duration]bool {
	found := map[netip.Addr]map[time.Duration]bool{}
	for _, c := range conns {
		if c.ReadTimeout <= 0 {
			continue
		}
		set := found[c.Client.Addr()]
		if set == nil {
			set = map[time.Duration]bool{}
			found[c.Client.Addr()] = set
		}
		if len(set) < MaxFigureLines {
			set[c.ReadTimeout.Round(100*time.Microsecond)] = true
		}
	}
	return found
}

// span is the time from one moment to a later one. The moments of a damaged capture may lie centuries apart: that
// saturates.
func span(from, to capture.Time) time.Duration {
	if d := to.Sub(from); d >= 0 || to <= from {
		return max(d, 0)
	}
	return math.MaxInt64
}

// openSeries counts the connections of the clients with the most, over time.
func openSeries(conns []*analysis.ConnSummary) []OpenSeries {
	if len(conns) == 0 {
		return nil
	}
	from, to := conns[0].First, conns[0].Last
	byClient := map[netip.Addr][]*analysis.ConnSummary{}
	for _, c := range conns {
		from, to = min(from, c.First), max(to, c.Last)
		byClient[c.Client.Addr()] = append(byClient[c.Client.Addr()], c)
	}
	step := max(1, span(from, to)/openSteps)
	var series []OpenSeries
	for _, client := range mostConns(byClient) {
		delta := make([]int, openSteps+2)
		for _, c := range byClient[client] {
			first := min(span(from, c.First)/step, openSteps)
			delta[first]++
			delta[min(max(first, span(from, c.Last)/step)+1, openSteps+1)]--
		}
		s := OpenSeries{Client: AddrText(client)}
		n := 0
		for i, d := range delta {
			n += d
			if d != 0 || i == 0 {
				s.Points = append(s.Points, OpenPoint{Stamp(from.Add(step * time.Duration(i))), n})
			}
		}
		series = append(series, s)
	}
	return series
}

// mostConns lists the clients, those with the most connections first.
func mostConns(byClient map[netip.Addr][]*analysis.ConnSummary) []netip.Addr {
	type counted struct {
		client netip.Addr
		conns  int
	}
	all := make([]counted, 0, len(byClient))
	for client, conns := range byClient {
		all = append(all, counted{client, len(conns)})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(cmp.Compare(b.conns, a.conns), a.client.Compare(b.client)) })
	clients := make([]netip.Addr, 0, MaxFigureLines)
	for _, c := range all[:min(len(all), MaxFigureLines)] {
		clients = append(clients, c.client)
	}
	return clients
}
