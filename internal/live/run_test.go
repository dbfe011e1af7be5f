package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"
	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/filter"
	"github.com/respsniff/respsniff/internal/metrics"
	"github.com/respsniff/respsniff/internal/notice"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// written is a Source that reads a written conversation, once.
type written struct {
	next func() (capture.Packet, error, bool)
	seen func(n int) // called before a packet is handed over
	n    int
}

func writtenSource(t *testing.T, text []byte) *written {
	t.Helper()
	s, err := scenario.Parse("live", text)
	if err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull2(s.Packets())
	t.Cleanup(stop)
	return &written{next: next}
}

func (w *written) Name() string                  { return "test" }
func (w *written) Interfaces() []string          { return nil }
func (w *written) Drops() (capture.Drops, error) { return capture.Drops{}, nil }

func (w *written) Packets(context.Context) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for {
			p, err, ok := w.next()
			if !ok {
				return
			}
			if w.n++; w.seen != nil {
				w.seen(w.n)
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// TestEarlyFindingsOfChosenConnections: --client lets findings about its connections through while they are still open.
func TestEarlyFindingsOfChosenConnections(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/scenarios/rs302/fires_same_address.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		client string
		want   bool
	}{{"10.0.0.1", true}, {"10.0.0.9", false}} {
		f := &filter.Filter{Clients: []string{tc.client}}
		if err := f.Prepare(time.UTC); err != nil {
			t.Fatal(err)
		}
		if err := f.Begin(0); err != nil {
			t.Fatal(err)
		}
		source := writtenSource(t, raw)
		l := newRun(source, &Options{Filter: f, Memory: 1 << 40, Log: notice.Log{W: io.Discard}})
		var out bytes.Buffer
		l.o.Stdout, l.o.Outputs = &out, []Output{{Format: report.NDJSON}}
		if err := l.outputs.open(l.o); err != nil {
			t.Fatal(err)
		}
		l.analyse(t.Context(), source.Packets(t.Context()))
		if _, err := l.end(); err != nil {
			t.Fatal(err)
		}
		if early := bytes.Contains(out.Bytes(), []byte(`"news":"new"`)); early != tc.want {
			t.Errorf("--client %s: reported early %v, want %v", tc.client, early, tc.want)
		}
	}
}

// twoLots are connections that are used again after a timeout, 5 in the first seconds and 7 a minute later, both times
// while the server answers nobody.
var twoLots = `
conn w 10.0.0.1:30000 -> 10.0.0.2:6379
0.5 repeat 20 every 2ms { w > GET warm{i} => $v{i} }
` + lot(5, 40000, 1) + `
20.0 w > PING => +PONG
30.0 w > PING => +PONG
` + lot(7, 50000, 70)

// lot is n connections, from second s on, each with a caller that gives up and others that get the reply before theirs.
func lot(n, port, s int) string {
	return fmt.Sprintf(`
repeat %[1]d { conn p%[2]d_{i} 10.0.0.1:{%[2]d+i} -> 10.0.0.2:6379 }
%[3]d.0 repeat %[1]d { p%[2]d_{i} > GET a{i} => $A{i} }
%[3]d.1 repeat %[1]d every 10us { p%[2]d_{i} > GET b{i} }
%[3]d.5 repeat %[1]d every 10us { p%[2]d_{i} > GET c{i} }
+400ms repeat %[1]d every 10us { p%[2]d_{i} < $B{i} }
+100ms repeat %[1]d every 10us { p%[2]d_{i} < $C{i} }
+100ms repeat %[1]d { p%[2]d_{i} > GET d{i} => $D{i} }
+100ms repeat %[1]d { p%[2]d_{i} > FIN }
`, n, port, s)
}

// restartAfter is when the analysis begins anew in these tests: between the two lots.
const restartAfter = 15 * time.Second

// reportOf runs the packets and returns the report, as written. The analysis begins anew in the middle if restart is set.
func reportOf(t *testing.T, text string, restart bool) (*report.Document, []byte) {
	t.Helper()
	return filteredReport(t, text, restart, &filter.Filter{})
}

func filteredReport(t *testing.T, text string, restart bool, f *filter.Filter) (*report.Document, []byte) {
	t.Helper()
	source := writtenSource(t, []byte(text))
	var out bytes.Buffer
	o := &Options{
		Filter: f, Memory: 1 << 40, Log: notice.Log{W: io.Discard}, Stdout: &out,
		Outputs: []Output{{Format: report.NDJSON}}, Analysis: analysis.Options{
			Policies: map[netip.Addr]client.Policy{{}: client.PolicyLockstep}, ReadTimeouts: map[netip.Addr]time.Duration{{}: 400 * time.Millisecond},
		},
	}
	if err := o.Filter.Prepare(time.UTC); err != nil {
		t.Fatal(err)
	}
	if err := o.Filter.Begin(0); err != nil {
		t.Fatal(err)
	}
	l := newRun(source, o)
	l.pace.lookedAt = math.MaxInt64 // no doubt is judged before its connection is over: what is known then is the same
	if err := l.outputs.open(o); err != nil {
		t.Fatal(err)
	}
	if restart {
		var first capture.Time
		source.seen = func(int) {
			if first == 0 {
				first = l.pace.now
			}
			if l.restarts == 0 && first > 0 && l.pace.now.Sub(first) > restartAfter {
				l.renew = true
			}
		}
	}
	for l.analyse(t.Context(), source.Packets(t.Context())) {
	}
	if restart != (l.restarts == 1) {
		t.Fatalf("%d restarts", l.restarts)
	}
	d, err := l.end()
	if err != nil {
		t.Fatal(err)
	}
	return d, out.Bytes()
}

// TestRestartKeepsFindings: what was found before the analysis began anew is part of the findings at the end, whose texts,
// causes and incidents are those of the whole run.
func TestRestartKeepsFindings(t *testing.T) {
	whole, _ := reportOf(t, twoLots, false)
	parts, out := reportOf(t, twoLots, true)
	if len(whole.Findings) < 4 || len(whole.Incidents) == 0 {
		t.Fatalf("%d findings, %d incidents: the test needs some", len(whole.Findings), len(whole.Incidents))
	}
	found := map[string]incident.Finding{}
	for _, f := range parts.Findings {
		found[f.Fingerprint] = f
	}
	for _, want := range whole.Findings {
		got := found[want.Fingerprint]
		for i := range got.Examples {
			if e := &got.Examples[i]; e.Conn > 6 {
				e.Conn-- // the connection that is open at the restart has two numbers
			}
		}
		if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
			t.Errorf("%s without a restart, and with one:\n%s", want.Rule, diff)
		}
	}
	for _, d := range []*report.Document{whole, parts} {
		for i := range d.Incidents { // they name connections, and when these came out of sight
			d.Incidents[i].Story, d.Incidents[i].Others = incident.Story{}, nil
		}
	}
	if diff := cmp.Diff(asJSON(t, whole.Incidents), asJSON(t, parts.Incidents)); diff != "" {
		t.Errorf("incidents without a restart, and with one:\n%s", diff)
	}
	if w, p := whole.Summary, parts.Summary; p.Commands != w.Commands || p.Replies != w.Replies || p.Connections != w.Connections+1 || p.Clients != w.Clients {
		t.Errorf("with a restart: %+v; without: %+v", p, w)
	}
	if parts.Complete || len(parts.Quality.LimitsReached) != 1 {
		t.Errorf("complete %v, limits %q: want one that names the restart", parts.Complete, parts.Quality.LimitsReached)
	}

	// Early findings never shrink, and the last line of ndjson is the summary.
	counts := map[string]int{}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	for _, line := range lines {
		var row struct {
			Type, Fingerprint string
			Count             int
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if row.Type == "finding" && row.Count < counts[row.Fingerprint] {
			t.Errorf("%s shrank from %d to %d", row.Fingerprint, counts[row.Fingerprint], row.Count)
		}
		counts[row.Fingerprint] = max(counts[row.Fingerprint], row.Count)
	}
}

// TestRestartLeavesNothing: an analysis that another one has taken over is gone from memory, with all that it held.
func TestRestartLeavesNothing(t *testing.T) {
	source := writtenSource(t, []byte(twoLots))
	l := newRun(source, &Options{Memory: 1 << 40, Log: notice.Log{W: io.Discard}, Filter: &filter.Filter{}})
	var before []weak.Pointer[analysis.Run]
	source.seen = func(n int) {
		if n%60 == 0 {
			l.renew = true
			before = append(before, weak.Make(l.analysis))
		}
	}
	for l.analyse(t.Context(), source.Packets(t.Context())) {
	}
	if len(before) < 3 {
		t.Fatalf("%d restarts, the test needs some", len(before))
	}
	runtime.GC()
	runtime.GC()
	for i, r := range before[:len(before)-1] { // what began last is still there
		if r.Value() != nil {
			t.Errorf("analysis %d of %d is still held", i+1, len(before))
		}
	}
	runtime.KeepAlive(l)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRestartKeepsBounds: a limit that was reached before the analysis began anew is in the report and in the metrics, beside
// those that bound the report itself.
func TestRestartKeepsBounds(t *testing.T) {
	l := newRun(writtenSource(t, []byte(twoLots)), &Options{Memory: 64 << 20, Log: notice.Log{W: io.Discard}, Filter: &filter.Filter{}})
	l.metrics = metrics.New()
	l.begin()
	l.analysis.Bounds().New(bound.Bound{Name: "client groups"}).Hits = 5
	l.assembler.Bounds().New(bound.Bound{Name: "open connections"}).Hits = 3
	l.restart()
	l.begin()
	l.analysis.Bounds().New(bound.Bound{Name: "client groups"}).Hits = 2
	for i := range maxFaults + 4 {
		l.fault(fmt.Errorf("fault %d", i))
	}
	for i := range maxFindings + 6 {
		l.finding(&incident.Finding{Rule: "RS101", Fingerprint: fmt.Sprint(i)})
	}
	d := l.document()
	got := map[string]int64{}
	for _, b := range d.Quality.Bounds {
		got[b.Name] = b.Hits
	}
	want := map[string]int64{
		"client groups": 7, "open connections": 3, "--memory-limit": 1, "read errors of the report": 4, "findings of the report": 6,
	}
	if !maps.Equal(got, want) || d.Complete {
		t.Errorf("reached %v, want %v; complete %v", got, want, d.Complete)
	}
	l.measure()
	text := scrape(t, l.metrics)
	for name, hits := range want {
		if line := fmt.Sprintf("respsniff_bound_hits_total{bound=%q} %d\n", name, hits); !strings.Contains(text, line) {
			t.Errorf("metrics have no %s", line)
		}
	}
	// That groups of clients which are gone are forgotten is no loss of a run without an end.
	if !strings.Contains(text, "respsniff_limit_hits_total 4\n") {
		t.Error("the hits of limits that lose evidence are not 3+1")
	}
}

// scrape returns what the metrics serve.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Serve(ctx, listener) }()
	defer func() {
		if stop(); <-done != nil {
			t.Error("the server failed")
		}
	}()
	return page(t, "http://"+listener.Addr().String()+"/metrics")
}

// TestLimitsOfEvidence: a finding without a file of evidence is counted under the limit that it met.
func TestLimitsOfEvidence(t *testing.T) {
	finding := func(i int) *incident.Finding {
		return &incident.Finding{Fingerprint: fmt.Sprint(i), Server: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)}), 6379), Last: 1}
	}
	for name, c := range map[string]struct {
		files, findings int
		hits            int64
	}{
		"evidence files that are collected at once": {100, maxJobs + 3, 3},
	} {
		k := startKeeper(&EvidenceOptions{Dir: t.TempDir(), Ring: 1 << 20, Size: 1 << 20, Files: c.files}, nil)
		k.warn, k.kept = func(string, ...any) {}, func(string, *incident.Finding) {}
		for i := range c.findings {
			k.found(finding(i))
		}
		if r := k.limits.set.Reached(); len(r) != 1 || r[0].Name != name || r[0].Hits != c.hits || r[0].Loses != bound.Detail || k.skipped.Load() != c.hits {
			t.Errorf("reached %+v with %d skipped, want %s %d times", r, k.skipped.Load(), name, c.hits)
		}
		k.jobs = nil
		k.close()
	}
	// Packets of more servers than are kept.
	k := &keeper{recent: recent[netip.AddrPort]{perKey: 1 << 17, total: 1 << 30, age: recentAge}}
	k.limits.init(&EvidenceOptions{})
	k.recent.keys = k.limits.servers
	for i := range maxRecentKeys + 9 {
		k.recent.add(finding(i).Server, &capture.Packet{Data: make([]byte, 60), Length: 60, Time: capture.Time(i)})
	}
	if r := k.limits.set.Reached(); len(r) != 1 || r[0].Hits != 9 || len(k.recent.shelves) != maxRecentKeys {
		t.Errorf("reached %+v, %d servers kept", r, len(k.recent.shelves))
	}
}

// TestFilterSaysWhatItLeavesOut: the report of a live run counts what its filter left out once, restarts or not.
func TestFilterSaysWhatItLeavesOut(t *testing.T) {
	for _, restart := range []bool{false, true} {
		all, _ := reportOf(t, twoLots, restart)
		d, _ := filteredReport(t, twoLots, restart, &filter.Filter{NotRules: []string{"dirty-reuse"}})
		x := d.Summary.Filtered
		if x == nil || x.Findings != int64(len(all.Findings)-len(d.Findings)) || x.Findings == 0 || x.Connections != 0 {
			t.Errorf("restart %t: %+v of %d findings, %d left", restart, x, len(all.Findings), len(d.Findings))
		}
		other, _ := filteredReport(t, twoLots, restart, &filter.Filter{Clients: []string{"10.0.0.9"}})
		if x := other.Summary.Filtered; x == nil || x.Connections < 13 || all.Summary.Filtered != nil {
			t.Errorf("restart %t: of another client: %+v", restart, x)
		}
	}
}

// TestEndsAsAnalyze: what a live run reports at its end are the incidents that analyze finds in the same packets, in the
// same words but for how sure they are.
func TestEndsAsAnalyze(t *testing.T) {
	d, _ := reportOf(t, twoLots, false)
	source := writtenSource(t, []byte(twoLots))
	run := analysis.NewRun(&analysis.Options{
		Policies: map[netip.Addr]client.Policy{{}: client.PolicyLockstep}, ReadTimeouts: map[netip.Addr]time.Duration{{}: 400 * time.Millisecond},
		FileName: func(int32) string { return source.Name() },
	})
	var found []incident.Finding
	segments := reassembly.New(reassembly.Options{}).Segments(source.Packets(t.Context()))
	for f, err := range run.Detect(run.Events(segments), detectors.All()) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, f)
	}
	report.Rank(found)
	incidents := run.Incidents(found)
	if len(incidents) == 0 || incidents[0].Damage.Calls == 0 {
		t.Fatalf("%d incidents: the test needs one", len(incidents))
	}
	if diff := cmp.Diff(asJSON(t, incidents), asJSON(t, d.Incidents)); diff != "" {
		t.Errorf("incidents of the file (-), and of the live run (+):\n%s", diff)
	}
	if v := d.Judge(report.Gate{}); v.Word != report.WordDesync || v.Exit != 1 {
		t.Errorf("verdict %+v", v)
	}
}

// gone is a Source whose interfaces are gone after its packets.
type gone struct{ *written }

func (g gone) Packets(ctx context.Context) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for p, err := range g.written.Packets(ctx) {
			if !yield(p, err) {
				return
			}
		}
		yield(capture.Packet{}, capture.ErrNoInterface)
	}
}

// TestLostInterface: a run that loses its last interface writes its report, which is not complete, and fails whatever it
// found, so that a service begins again.
func TestLostInterface(t *testing.T) {
	var out bytes.Buffer
	o := &Options{
		Filter: &filter.Filter{}, Memory: 1 << 40, Log: notice.Log{W: io.Discard}, Stdout: &out, Outputs: []Output{{Format: report.JSON}}, KeepRights: true,
	}
	if err := o.Filter.Prepare(time.UTC); err != nil {
		t.Fatal(err)
	}
	d, err := Run(t.Context(), gone{writtenSource(t, []byte(twoLots))}, o)
	if !errors.Is(err, capture.ErrNoInterface) || d == nil || d.Complete || len(d.Findings) == 0 {
		t.Errorf("error %v, report %+v", err, d)
	}
	if !strings.Contains(out.String(), `"complete":false`) && !strings.Contains(out.String(), `"complete": false`) {
		t.Errorf("written: %.300s", out.String())
	}
	// A stream that is over is no such loss.
	o.Outputs = nil
	if d, err := Run(t.Context(), writtenSource(t, []byte(twoLots)), o); err != nil || !d.Complete {
		t.Errorf("a stream that is over: %v, complete %v", err, d.Complete)
	}
}
