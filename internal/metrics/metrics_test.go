package metrics

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testenv"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

func exchange(server string, command *commands.Command, took time.Duration) *pairing.Exchange {
	e := &pairing.Exchange{Session: &pairing.Session{}, Served: true}
	e.Session.Server, e.Command = netip.MustParseAddrPort(server), command
	e.Serves.FirstTime = capture.Time(took)
	return e
}

// command looks a command up by its name and subcommand.
func command(words ...string) *commands.Command {
	line := fmt.Sprintf("*%d\r\n", len(words)+2)
	for _, w := range append(words, "a", "b") {
		line += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	var d resp.RequestDecoder
	var q resp.Request
	d.Feed([]byte(line), 0)
	if d.Next(&q) != nil {
		return nil
	}
	return commands.Lookup(&q)
}

func serve(t *testing.T, m *Metrics) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := m.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return "http://" + l.Addr().String()
}

func TestScrape(t *testing.T) {
	m := New("RS101", "RS102")
	url := serve(t, m)
	if _, text := testenv.Get(t, url+"/metrics"); !strings.Contains(text, "\nrespsniff_finding_occurrences_total{rule=\"RS102\"} 0\n") {
		t.Error("a rule that found nothing yet is not served as 0")
	}
	m.Update(State{
		Packets: 7, KernelDrops: 3, Open: 2, CaptureTimestamp: 1.5, Behind: 4, OpenIncidents: 1,
		Rules: []incident.RuleCount{{Rule: "RS101", Findings: 2, Occurrences: 7}, {Rule: "RS102"}},
	})
	get, set := command("GET"), command("CONFIG", "SET")
	m.Event(exchange("10.0.0.1:6379", get, 40*time.Microsecond))
	m.Event(exchange("10.0.0.1:6379", get, 3*time.Millisecond))
	m.Event(exchange("10.0.0.1:6379", set, time.Minute))
	m.Event(exchange("[2001:db8::1]:6379", nil, time.Second))
	blocked := exchange("10.0.0.1:6379", get, time.Hour)
	blocked.Flags |= pairing.Blocks
	m.Event(blocked)
	m.Event(&analysis.ConnSummary{})
	code, text := testenv.Get(t, url+"/metrics")
	if code != http.StatusOK {
		t.Fatal(code, text)
	}
	for _, want := range []string{
		"respsniff_packets_total 7", "respsniff_kernel_dropped_packets_total 3", "respsniff_connections_open 2", "respsniff_capture_timestamp_seconds 1.5",
		"respsniff_connections_behind 4", "respsniff_incidents_open 1",
		`respsniff_findings_total{rule="RS101"} 2`, `respsniff_finding_occurrences_total{rule="RS101"} 7`,
		`respsniff_findings_total{rule="RS102"} 0`, `respsniff_finding_occurrences_total{rule="RS102"} 0`,
		`respsniff_command_duration_seconds_bucket{family="GET",server="10.0.0.1:6379",le="5e-05"} 1`,
		`respsniff_command_duration_seconds_bucket{family="GET",server="10.0.0.1:6379",le="0.005"} 2`,
		`respsniff_command_duration_seconds_count{family="GET",server="10.0.0.1:6379"} 2`,
		`respsniff_command_duration_seconds_bucket{family="CONFIG",server="10.0.0.1:6379",le="10"} 0`,
		`respsniff_command_duration_seconds_count{family="CONFIG",server="10.0.0.1:6379"} 1`,
		`respsniff_command_duration_seconds_sum{family="other",server="[2001:db8::1]:6379"} 1`,
		"go_goroutines ",
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
	for _, path := range []string{"/", "/debug/pprof/", "/debug/vars"} {
		if code, _ := testenv.Get(t, url+path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestSeriesAreBounded sends the commands of more servers than are followed, while somebody scrapes.
func TestSeriesAreBounded(t *testing.T) {
	m := New()
	url := serve(t, m)
	get := command("GET")
	const servers = maxSeries + 500
	var scraping sync.WaitGroup
	scraping.Go(func() {
		if code, text := testenv.Get(t, url+"/metrics"); code != http.StatusOK {
			t.Error(code, text)
		}
	})
	for i := range servers {
		e := exchange("10.0.0.1:6379", get, time.Millisecond)
		e.Session.Server = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 6379)
		m.Event(e)
	}
	scraping.Wait()
	if len(m.series) != maxSeries {
		t.Errorf("%d series", len(m.series))
	}
	if n := m.families[familyKey{Other, Other}].buckets[4].Load(); n != servers-maxSeries+1 {
		t.Errorf("%d commands are counted beyond the bound", n)
	}
}

// TestContribUsesOnlyWhatThereIs holds the dashboard and the alert rules against the names that are served.
func TestContribUsesOnlyWhatThereIs(t *testing.T) {
	m := New("RS101")
	m.Event(exchange("10.0.0.1:6379", nil, time.Second))
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range families {
		known[f.GetName()] = true
	}
	for _, file := range []string{"../../contrib/grafana-respsniff.json", "../../contrib/prometheus-respsniff.yaml"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`\brespsniff_[a-z_]+`).FindAllString(string(b), -1)
		if len(used) < 5 {
			t.Errorf("%s uses %d metrics", file, len(used))
		}
		for _, name := range used {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				name = strings.TrimSuffix(name, suffix)
			}
			if !known[name] {
				t.Errorf("%s uses %s, which is not served", file, name)
			}
		}
	}
}

// TestAlertRules lets Prometheus judge the alert rules: when each of them fires, and that none does in good times.
func TestAlertRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no promtool here")
		}
		t.Skip("no promtool here: it comes with Prometheus")
	}
	for _, args := range [][]string{
		{"check", "rules", "../../contrib/prometheus-respsniff.yaml"}, {"test", "rules", "testdata/alerts.yaml"},
	} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	m := New()
	list := []*pairing.Exchange{
		exchange("10.0.0.1:6379", command("GET"), time.Millisecond), exchange("10.0.0.1:6379", command("SET"), 50*time.Microsecond),
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Event(list[i&1])
	}
}

// TestBoundsAreCounters: each limit is a series under its name, and no counter falls, not even where a hit is taken back or an
// analysis begins anew.
func TestBoundsAreCounters(t *testing.T) {
	m := New()
	m.Update(State{LimitHits: 7, Limits: map[string]int64{"client groups": 5, "half \"open\"": 2}})
	m.Update(State{LimitHits: 4, Limits: map[string]int64{"client groups": 3, "links": 1}})
	_, text := testenv.Get(t, serve(t, m)+"/metrics")
	for _, line := range []string{
		`respsniff_bound_hits_total{bound="client groups"} 5`,
		`respsniff_bound_hits_total{bound="half \"open\""} 2`,
		`respsniff_bound_hits_total{bound="links"} 1`,
		`respsniff_limit_hits_total 7`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

// TestBoundsOfMetrics: what does not fit into the metrics is counted too.
func TestBoundsOfMetrics(t *testing.T) {
	m := New()
	for i := range maxSeries + 10 {
		m.Event(exchange(fmt.Sprintf("10.%d.%d.%d:6379", i>>16, i>>8&255, i&255), nil, time.Millisecond))
	}
	got := map[string]int64{}
	for _, b := range m.Bounds().Reached() {
		got[b.Name] = b.Hits
	}
	if got["latency histograms of the metrics"] != 11 {
		t.Errorf("reached %v", got)
	}
}
