package traffic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"

	_ "github.com/respsniff/respsniff/internal/testcap"
)

// defines -update, which go test ./... passes to every package

func TestQuantiles(t *testing.T) {
	var l Latency
	if l.Quantile(0.5) != 0 || l.Count() != 0 {
		t.Error("an empty distribution has quantiles")
	}
	for i := 1; i <= 1000; i++ {
		l.Add(time.Duration(i) * time.Millisecond)
	}
	l.Add(-time.Second)
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.9: 900 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := l.Quantile(q); got < want*98/100 || got > want*102/100 {
			t.Errorf("quantile %v: %v, want %v within 2 %%", q, got, want)
		}
	}
	if l.Max() != time.Second || l.Count() != 1001 {
		t.Errorf("max %v count %d", l.Max(), l.Count())
	}
}

// TestCompare knows the exact value for two small samples without ties and the behaviour for large ones.
func TestCompare(t *testing.T) {
	sample := func(n int, shift float64, seed uint64) *Latency {
		r := rand.New(rand.NewPCG(seed, 7))
		l := &Latency{}
		for range n {
			l.Add(time.Duration((1 + shift + 0.2*r.NormFloat64()) * 1e6))
		}
		return l
	}
	if _, ok := Compare(sample(minSamples-1, 0, 1), sample(100, 0, 2)); ok {
		t.Error("too few were compared")
	}
	if c, ok := Compare(sample(2000, 0, 1), sample(2000, 0, 2)); !ok || c.P < 0.01 || c.Slower < 0.47 || c.Slower > 0.53 {
		t.Errorf("equal distributions: %+v", c)
	}
	// A shift by one standard deviation: P(after > before) is Phi(1/sqrt 2) = 0.760.
	if c, _ := Compare(sample(2000, 0, 1), sample(2000, 0.2, 2)); c.P > 1e-6 || c.Slower < 0.74 || c.Slower > 0.78 {
		t.Errorf("a shift: %+v", c)
	}
	if c, _ := Compare(sample(2000, 0.2, 1), sample(2000, 0, 2)); c.P > 1e-6 || c.Slower > 0.26 {
		t.Errorf("a shift back: %+v", c)
	}
	same := &Latency{}
	for range 100 {
		same.Add(time.Millisecond)
	}
	if c, ok := Compare(same, same); !ok || c.P != 1 || c.Slower != 0.5 {
		t.Errorf("all alike: %+v", c)
	}
	// Under equal distributions P is uniform: about 5 % of the tests fall below 0.05.
	below := 0
	for i := range uint64(400) {
		if c, _ := Compare(sample(60, 0, 2*i+100), sample(60, 0, 2*i+101)); c.P < 0.05 {
			below++
		}
	}
	if below < 6 || below > 40 {
		t.Errorf("%d of 400 equal pairs differ at the 5 %% level", below)
	}
}

func TestHotKeepsTheFrequent(t *testing.T) {
	h := newHot(64)
	r := rand.New(rand.NewPCG(1, 2))
	exact := map[string]int64{}
	for range 50000 {
		key := fmt.Sprintf("rare:%d", r.IntN(20000))
		if n := r.IntN(10); n < 5 {
			key = fmt.Sprintf("hot:%d", n)
		}
		exact[key]++
		h.add([]byte(key))
	}
	if len(h.byKey) != 64 || len(h.order) != 64 {
		t.Fatalf("%d keys kept", len(h.byKey))
	}
	for _, k := range h.top(5) {
		if !strings.HasPrefix(k.key, "hot:") || k.count < exact[k.key] || k.count-k.over > exact[k.key] {
			t.Errorf("%s: %d, at most %d too many, really %d", k.key, k.count, k.over, exact[k.key])
		}
	}
}

func exchange(name, key string, took time.Duration, flags pairing.ExchangeFlags) *pairing.Exchange {
	e := &pairing.Exchange{Index: 1, Served: true, Flags: flags}
	e.Frame, e.End = 5, 40
	e.Name.Set([]byte(name), len(name))
	if key != "" {
		e.HasKey = true
		e.Key.Set([]byte(key), len(key))
	}
	e.Serves.FirstTime = e.EndTime.Add(took)
	e.Serves.End = 5
	return e
}

func TestReport(t *testing.T) {
	r := NewRecorder(report.Mask{})
	server := netip.MustParseAddrPort("10.0.0.2:6379")
	for i := range 5000 {
		client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 4000)
		r.Exchange(exchange(fmt.Sprintf("cmd%d", i%700), fmt.Sprintf("k\x1b%d", i), time.Millisecond, 0), int64(i), client, server)
	}
	r.Exchange(exchange("BLPOP", "q", 4*time.Second, pairing.Blocks), 1, netip.MustParseAddrPort("10.1.0.0:1"), server)
	p := r.Report()
	if len(p.Commands) != maxCommands+1 || len(p.Clients) != maxPeers+1 || len(p.Servers) != 1 || len(p.Keys) != maxListed || len(p.Largest) != maxLargest {
		t.Errorf("%d commands, %d clients, %d servers, %d keys, %d large", len(p.Commands), len(p.Clients), len(p.Servers), len(p.Keys), len(p.Largest))
	}
	if p.All.Count != 5001 || p.All.Blocked.Count() != 1 || p.All.Took.Max() != time.Millisecond {
		t.Errorf("all: %+v", p.All)
	}
	var text, doc bytes.Buffer
	if err := p.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if len(strings.TrimRight(line, "\n")) > 100 || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
	if err := p.WriteJSON(&doc, true); err != nil || !json.Valid(doc.Bytes()) {
		t.Errorf("JSON: %v", err)
	}
	if len(p.Slowest) != maxSlowest || p.Slowest[0].Took != time.Millisecond || p.Slowest[0].Conn != 0 || p.Slowest[maxSlowest-1].Conn != maxSlowest-1 {
		t.Errorf("of equally slow ones the first should stay: %+v", p.Slowest)
	}
}

// TestTop holds the greatest against a sort.
func TestTop(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	type item struct{ size, number int64 }
	for _, n := range []int{0, 3, 20, 21, 1000} {
		kept := top[item]{n: 20, measure: func(x *item) int64 { return x.size }}
		var all []item
		for i := range n {
			x := item{r.Int64N(200), int64(i)}
			all = append(all, x)
			kept.add(x)
		}
		slices.SortStableFunc(all, func(a, b item) int { return int(b.size - a.size) })
		if !slices.Equal(kept.items, all[:min(20, n)]) {
			t.Errorf("of %d: %v, want %v", n, kept.items, all[:min(20, n)])
		}
	}
}

// TestRatesAndShares: two commands in two seconds, one of which was waited for three times as long.
func TestRatesAndShares(t *testing.T) {
	server, client := netip.MustParseAddrPort("10.0.0.2:6379"), netip.MustParseAddrPort("10.0.0.1:4000")
	r := NewRecorder(report.Mask{})
	r.FileName = func(file int32) string { return fmt.Sprintf("%d.pcap", file) }
	begin := capture.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	add := func(name string, at, took time.Duration, flags pairing.ExchangeFlags) {
		e := exchange(name, "k", took, flags)
		e.File, e.Time, e.EndTime = 2, begin.Add(at), begin.Add(at)
		e.Serves.FirstTime = e.EndTime.Add(took)
		e.Serves.Time = e.Serves.FirstTime
		r.Exchange(e, 7, client, server)
	}
	add("GET", 0, 300*time.Millisecond, 0)
	add("BLPOP", time.Second, 900*time.Millisecond, pairing.Blocks)
	add("SET", 1900*time.Millisecond, 100*time.Millisecond, 0)
	p := r.Report()
	var doc bytes.Buffer
	if err := p.WriteJSON(&doc, true); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Name     string
		Commands float64 `json:"commands_per_second"`
		In       float64 `json:"bytes_in_per_second"`
		Out      float64 `json:"bytes_out_per_second"`
		Share    float64 `json:"time_share"`
	}
	var got struct {
		From, To string
		Seconds  float64
		All      row
		Commands []row
		Slowest  []struct {
			Took        float64 `json:"took_ms"`
			Command     string
			File        string
			Conn, Frame int64
		}
	}
	if err := json.Unmarshal(doc.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Seconds != 2 || got.From != "2026-01-02T03:04:05.000000Z" || got.To != "2026-01-02T03:04:07.000000Z" {
		t.Errorf("span: %+v", got)
	}
	if want := (row{"all", 1.5, 60, 7.5, 1}); got.All != want {
		t.Errorf("all: %+v, want %+v", got.All, want)
	}
	for _, x := range got.Commands {
		if want := map[string]float64{"GET": 0.75, "SET": 0.25, "BLPOP": 0}[x.Name]; x.Share != want || x.Commands != 0.5 {
			t.Errorf("%+v, want a share of %v", x, want)
		}
	}
	if s := got.Slowest; len(s) != 2 || s[0].Command != "GET" || s[0].Took != 300 || s[0].File != "2.pcap" || s[0].Conn != 7 || s[0].Frame != 5 || s[1].Command != "SET" {
		t.Errorf("slowest: %+v", s)
	}
	one := NewRecorder(report.Mask{})
	one.Exchange(exchange("GET", "k", time.Millisecond, 0), 1, client, server)
	if s := one.Report().Seconds(); s != 0 {
		t.Errorf("one command gives a rate over %v s", s)
	}
}

func TestErrorClass(t *testing.T) {
	for line, want := range map[string]string{
		"WRONGTYPE Operation": "WRONGTYPE", "MOVED 1 a:1": "MOVED", "oops it broke": "(no class)", "": "(no class)", "\x1b[31m": "(no class)", "-ERR x": "ERR",
	} {
		if got := errorClass([]byte(line)); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
