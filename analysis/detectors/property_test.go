package detectors_test

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// sample is a capture that properties are checked on.
type sample struct {
	name    string
	packets []capture.Packet
	o       analysis.Options
	allow   []string // rules that the whole capture may cause too
}

// samples returns every scenario and a few real captures, as packets in memory.
func samples(t *testing.T) []sample {
	t.Helper()
	var all []sample
	for _, path := range scenarios(t) {
		s := load(t, path)
		name := filepath.Base(filepath.Dir(path)) + "/" + strings.TrimSuffix(filepath.Base(path), ".txt")
		all = append(all, sample{name, collect(t, s.Packets(), 0), optionsOf(t, s), s.Allow})
	}
	for _, c := range []struct {
		name  string
		head  int
		allow []string
	}{
		{"01a_small.pcap", 0, nil},
		{"02a_redispy451_asyncio_cancel.pcap", 1500, []string{"RS210"}}, // cancelled by timers of 30 to 90 ms: the first may look like one of 60
		{"seed1_article.pcap", 0, nil},
	} {
		src, err := capture.Open([]string{testcap.Path(t, c.name)}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sample{c.name, collect(t, src.Packets(), c.head), analysis.Options{}, c.allow})
		src.Close()
	}
	return all
}

// collect copies packets, the first n of them, or all.
func collect(tb testing.TB, packets iter.Seq2[capture.Packet, error], n int) (list []capture.Packet) {
	tb.Helper()
	for p, err := range packets {
		if err != nil {
			tb.Fatal(err)
		}
		p.Data = slices.Clone(p.Data)
		if list = append(list, p); len(list) == n {
			break
		}
	}
	return list
}

// replay hands packets out as a capture would.
func replay(list []capture.Packet) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for i := range list {
			p := list[i]
			p.Frame = int64(i + 1)
			if !yield(p, nil) {
				return
			}
		}
	}
}

// verdicts reduces findings to what a damage that loses nothing must leave alone: how often each rule fired on how many
// connections, and how surely.
//
// Rules that relate connections by the order of their packets, and those that read addresses in replies, are left out
// where a damage changes just that; so are harmless findings where packets changed places without a trace.
func verdicts(r result, name string) map[string]string {
	m := map[string]string{}
	for _, f := range r.findings {
		moved := name == "reordered" || name == "shuffled"
		if moved && (f.Severity < incident.Medium || f.Rule >= "RS200") || name == "IPv6" && (f.Rule >= "RS300" || f.Rule == "RS106") {
			continue
		}
		if (name == "no timestamps" || name == "IPv6") && f.Confidence > pairing.Likely {
			f.Confidence = pairing.Likely // timestamps corroborate, and so do addresses in redirects
		}
		if f.Rule < "RS900" {
			m[f.Rule] += fmt.Sprintf(" %s/%s:%d on %d", f.Severity, f.Confidence, f.Count, f.Connections)
		}
	}
	return m
}

// sure lists the rules that report at strong or proven.
func sure(r result) map[string]bool {
	m := map[string]bool{}
	for _, f := range r.findings {
		if f.Rule < "RS900" && f.Confidence >= pairing.Strong && f.Severity >= incident.Medium {
			m[f.Rule] = true
		}
	}
	return m
}

// TestNothingLost damages captures in ways that lose nothing: the findings must stay the same.
func TestNothingLost(t *testing.T) {
	damages := map[string][]scenario.Damage{
		"resegmented":    {scenario.Resegment(3, 1)},
		"coalesced":      {scenario.Coalesce()},
		"reordered":      {scenario.Reorder(0.1, 2)},
		"shuffled":       {scenario.ShuffleFileOrder(3)},
		"5% duplicated":  {scenario.Duplicate(0.05, 4)},
		"all duplicated": {scenario.Duplicate(1, 5)},
		"retransmitted":  {scenario.SpuriousRetransmit(0.05, 6)},
		"no timestamps":  {scenario.NoTimestamps()},
		"IP IDs zero":    {scenario.ZeroIPID()},
		"IPv6":           {scenario.ToIPv6()},
		"recorded again": {scenario.Rerecord(7)},
		"vlan":           {scenario.Relink("vlan")},
		"qinq":           {scenario.Relink("qinq")},
		"sll":            {scenario.Relink("sll")},
		"sll2":           {scenario.Relink("sll2")},
		"null":           {scenario.Relink("null")},
		"raw":            {scenario.Relink("raw")},
	}
	for i, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			clean := inspect(t, replay(s.packets), s.o)
			for _, name := range share(damages, i) {
				if name == "reordered" { // when packets come is evidence: findings may vanish
					checkSure(t, s, sure(clean), name, scenario.Apply(s.packets, damages[name]...))
					continue
				}
				if name == "resegmented" && s.name == "rs104/fires_article_b" {
					continue // the stream is joined at a reply that is cut in two: it may stay unread
				}
				if name == "IPv6" && len(s.o.ReadTimeouts)+len(s.o.Policies) > 0 {
					continue // given for an address
				}
				base := verdicts(clean, name)
				got := verdicts(inspect(t, replay(scenario.Apply(s.packets, damages[name]...)), s.o), name)
				if !maps.Equal(base, got) {
					t.Errorf("%s: found %v, undamaged %v", name, got, base)
				}
			}
		})
	}
}

// share returns the names of the damages that the numbered sample is to get: some, such as every fourth, from another one on with each
// sample, or all of them in an exhaustive run.
func share[D any](damages map[string]D, number int) (names []string) {
	step := exhaustive.Sparse(4)
	for i, name := range slices.Sorted(maps.Keys(damages)) {
		if (i+number)%step == 0 {
			names = append(names, name)
		}
	}
	return names
}

// fastest returns the shortest time from a packet to one of the other direction.
func fastest(packets []capture.Packet) time.Duration {
	asm, last := reassembly.New(reassembly.Options{}), map[int64][2]capture.Time{}
	shortest := time.Duration(math.MaxInt64)
	for seg, err := range asm.Segments(replay(packets)) {
		if err != nil || seg.Conn == nil {
			continue
		}
		at := last[seg.Conn.ID]
		if other := at[1-seg.From]; other != 0 {
			shortest = min(shortest, seg.Time.Sub(other))
		}
		at[seg.From] = seg.Time
		last[seg.Conn.ID] = at
	}
	return max(shortest, 0)
}

// TestLoss loses packets: findings may vanish, but nothing new may be reported with certainty.
func TestLoss(t *testing.T) {
	damages := map[string]scenario.Damage{"bursts": scenario.DropBursts(0.05, 8, 9)}
	for seed := range uint64(3) {
		for _, p := range []float64{0.01, 0.05, 0.2} {
			damages[fmt.Sprintf("%g lost, seed %d", p, seed)] = scenario.DropRate(p, 10+seed)
		}
	}
	for _, n := range []int{68, 96, 128, 256} {
		damages[fmt.Sprintf("snaplen %d", n)] = scenario.Snap(n)
	}
	damages["client side only"] = scenario.OneSide(scenario.Client)
	damages["server side only"] = scenario.OneSide(scenario.Server)
	// No server can be further away than its fastest reply.
	damages["server's vantage"] = func(packets []capture.Packet) []capture.Packet {
		return scenario.ShiftVantage(min(2*time.Millisecond, fastest(packets)))(packets)
	}
	for i, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			base := sure(inspect(t, replay(s.packets), s.o))
			for _, name := range share(damages, i) {
				checkSure(t, s, base, name, scenario.Apply(s.packets, damages[name]))
			}
		})
	}
}

func checkSure(t *testing.T, s sample, base map[string]bool, name string, packets []capture.Packet) (ok bool) {
	t.Helper()
	ok = true
	r := inspect(t, replay(packets), s.o)
	for rule := range sure(r) {
		if !base[rule] && !slices.Contains(s.allow, rule) {
			for _, f := range r.findings {
				if f.Rule == rule {
					t.Errorf("%s: new %s %s %s: %s", name, f.Rule, f.Severity, f.Confidence, f.Title)
					ok = false
					break
				}
			}
		}
	}
	return ok
}

// longestDropped is the longest capture of which single packets are dropped in turn.
const longestDropped = 500

// TestEachPacketLost drops every single packet in turn, and starts the capture at every single packet: at every 37th of
// all captures in a row, unless the run is exhaustive.
func TestEachPacketLost(t *testing.T) {
	step := exhaustive.Sparse(37)
	first := 0 // packet of the next capture
	for _, s := range samples(t) {
		if len(s.packets) > longestDropped {
			continue
		}
		from := first
		for first < len(s.packets) {
			first += step
		}
		first -= len(s.packets)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			dropEach(t, s, from, step)
		})
	}
}

// dropEach drops every packet of the step in turn, and starts the capture there.
func dropEach(t *testing.T, s sample, from, step int) {
	if from >= len(s.packets) {
		return
	}
	base := sure(inspect(t, replay(s.packets), s.o))
	if s.name == "01a_small.pcap" {
		base["RS104"] = true // from the middle on, its dirty connections are what RS104 names
	}
	if s.name == "rs114/fires_p13_fork_quit" {
		base["RS206"] = true // without the packet of QUIT, what follows is a write after the server's close, and no more
	}
	for n := from; n < len(s.packets); n += step {
		ok := checkSure(t, s, base, fmt.Sprintf("packet %d lost", n+1), scenario.Apply(s.packets, scenario.DropOne(n)))
		// Two threads look like reads from memory once the library's name is lost, and a node of which the capture shows
		// nothing but a refusal is out of reach.
		if s.name != "rs114/fires_p12_two_threads" && s.name != "rs304/silent_node_down" {
			ok = checkSure(t, s, base, fmt.Sprintf("from packet %d on", n+1), scenario.Apply(s.packets, scenario.StartAt(n))) && ok
		}
		if !ok {
			break // one line a capture is enough
		}
	}
}
