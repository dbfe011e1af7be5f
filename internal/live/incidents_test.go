package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/filter"
	"github.com/respsniff/respsniff/internal/notice"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testenv"
)

// halfAnHourApart is the same fault twice between the same two hosts: 4 connections from second 1 on, 7 from second 1801 on,
// each for two minutes, until they are closed.
var halfAnHourApart = `
conn w 10.0.0.1:30000 -> 10.0.0.2:6379
0.5 repeat 20 every 2ms { w > GET warm{i} => $v{i} }
` + behind(4, 40000, 1) + `
130.0 repeat 166 every 10s { w > PING => +PONG }
` + behind(7, 50000, 1801) + `
1930.0 repeat 60 every 10s { w > PING => +PONG }
`

// behind is n connections, from second s on, whose callers read replies of others for two minutes.
func behind(n, port, s int) string {
	text := fmt.Sprintf(`
repeat %[1]d { conn p%[2]d_{i} 10.0.0.1:{%[2]d+i} -> 10.0.0.2:6379 }
%[3]d.0 repeat %[1]d { p%[2]d_{i} > GET a{i} => $A{i} }
%[3]d.1 repeat %[1]d every 10us { p%[2]d_{i} > GET b{i} }
%[3]d.5 repeat %[1]d every 10us { p%[2]d_{i} > GET c{i} }
+400ms repeat %[1]d every 10us { p%[2]d_{i} < $B{i} }
+100ms repeat %[1]d every 10us { p%[2]d_{i} < $C{i} }
+100ms repeat %[1]d { p%[2]d_{i} > GET d{i} => $D{i} }
`, n, port, s)
	for k := 2; k < 120; k += 2 {
		text += fmt.Sprintf("%d.0 repeat %d every 50us { p%d_{i} > GET e%d_{i} => $E%d_{i} }\n", s+k, n, port, k, k)
	}
	return text + fmt.Sprintf("%d.0 repeat %d { p%d_{i} > FIN }\n+1ms repeat %[2]d { p%[3]d_{i} < FIN }\n", s+125, n, port)
}

// sharedBuffer is what a run writes, to be read meanwhile.
type sharedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sharedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sharedBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// piped is a live run that reads a stream, which the test feeds.
type piped struct {
	t       *testing.T
	packets []capture.Packet
	began   capture.Time
	pipe    *io.PipeWriter
	out     *capture.Writer
	text    sharedBuffer
	metrics string
	dir     string // of evidence
	done    chan error
	doc     *report.Document
}

func startPiped(t *testing.T, text string) *piped {
	t.Helper()
	s, err := scenario.Parse("live", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p := &piped{t: t, dir: t.TempDir(), metrics: testenv.FreeAddress(t), done: make(chan error, 1)}
	for q, err := range s.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		q.Data = bytes.Clone(q.Data)
		p.packets = append(p.packets, q)
	}
	p.began = p.packets[0].Time.Add(-500 * time.Millisecond) // the conversation begins half a second later
	from, to := io.Pipe()
	p.pipe = to
	o := &Options{
		Filter: &filter.Filter{}, Memory: 1 << 40, Log: notice.Log{W: io.Discard}, Stdout: &p.text, Metrics: p.metrics,
		Outputs:  []Output{{Format: report.Text, Options: report.Options{Width: 120}}},
		Evidence: EvidenceOptions{Dir: p.dir, Ring: 1 << 20, Size: 1 << 20, Files: 100}, KeepRights: true,
		Analysis: analysis.Options{
			Policies: map[netip.Addr]client.Policy{{}: client.PolicyLockstep}, ReadTimeouts: map[netip.Addr]time.Duration{{}: 400 * time.Millisecond},
		},
	}
	if err := o.Filter.Prepare(time.UTC); err != nil {
		t.Fatal(err)
	}
	source := ReadFrom(from)
	go func() {
		var err error
		p.doc, err = Run(t.Context(), source, o)
		p.done <- err
	}()
	t.Cleanup(func() {
		to.Close()
		source.Close()
	})
	if p.out, err = capture.NewWriter(to, capture.WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// feed writes the packets up to second s of the conversation.
func (p *piped) feed(s int) {
	p.t.Helper()
	for len(p.packets) > 0 && p.packets[0].Time.Sub(p.began) < time.Duration(s)*time.Second {
		if err := p.out.Write(p.packets[0], ""); err != nil {
			p.t.Fatal(err)
		}
		p.packets = p.packets[1:]
	}
}

// figure is one of the run's metrics now; labels belong to the name.
func (p *piped) figure(name string) float64 {
	p.t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(page(p.t, "http://"+p.metrics+"/metrics"))
	if m == nil {
		p.t.Fatalf("no %s", name)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// becomes waits until something has a value.
func becomes(t *testing.T, what string, want float64, now func() float64) {
	t.Helper()
	var got float64
	for range 300 {
		if got = now(); got == want {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s is %v, want %v", what, got, want)
}

// evidence returns the times of the first and the last packet of each file of evidence, in seconds from the beginning.
func (p *piped) evidence() (spans [][2]int) {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "*.pcapng"))
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(files)
	for _, name := range files {
		s, err := capture.Open([]string{name}, capture.Options{})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, err := range s.Packets() {
			if err != nil {
				p.t.Fatal(err)
			}
		}
		in := s.Files()[0]
		spans = append(spans, [2]int{int(in.First.Sub(p.began).Seconds()), int(in.Last.Sub(p.began).Seconds())})
	}
	return spans
}

// page is what a server answers.
func page(t *testing.T, url string) string {
	t.Helper()
	_, body := testenv.Get(t, url)
	return body
}

// TestTwoIncidents lets the same two hosts have the same fault twice, half an hour apart, read from a stream, with a real
// Prometheus that judges the alert rules and is asked what the dashboard asks.
func TestTwoIncidents(t *testing.T) {
	p := startPiped(t, halfAnHourApart)
	prom := startPrometheus(t, p.metrics)
	behind := func() float64 { return p.figure("respsniff_connections_behind") }
	misreads := func() float64 { return p.figure(`respsniff_finding_occurrences_total{rule="RS103"}`) }

	p.feed(1)
	becomes(t, "connections behind before the first incident", 0, behind)
	prom.knows(t, `respsniff_finding_occurrences_total{rule="RS103"}`) // as 0: what grows from nothing alerts nobody
	p.feed(60)
	becomes(t, "connections behind in the first incident", 4, behind)
	becomes(t, "open incidents", 1, func() float64 { return p.figure("respsniff_incidents_open") })
	early := misreads()
	prom.alert(t, "RedisCallersBehind", true)
	prom.alert(t, "RedisClientDesync", true)
	prom.dashboard(t)
	p.feed(120)
	becomes(t, "more misreads while it goes on", 1, func() float64 { return min(1, max(0, misreads()-early)) })

	p.feed(1750)
	becomes(t, "connections behind after the first incident", 0, behind)
	becomes(t, "open incidents after the first one", 0, func() float64 { return p.figure("respsniff_incidents_open") })
	prom.alert(t, "RedisCallersBehind", false)
	if text := p.text.String(); !strings.Contains(text, "recovered: 4 connections closed") || strings.Contains(text, "again after") {
		t.Errorf("after the first incident:\n%s", text)
	}
	first := p.evidence()
	for _, span := range first {
		if span[0] > 2 || span[1] > 130 {
			t.Errorf("evidence of the first incident: %v", first)
		}
	}
	found := misreads()

	p.feed(1860)
	becomes(t, "connections behind in the second incident", 7, behind)
	prom.alert(t, "RedisCallersBehind", true)
	p.feed(1 << 20)
	if err := p.pipe.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-p.done; err != nil {
		t.Fatal(err)
	}
	text := p.text.String()
	for _, want := range []string{"again after 28 min", "recovered: 7 connections closed"} {
		if !strings.Contains(text, want) {
			t.Errorf("after the second incident there is no %q in\n%s", want, text)
		}
	}
	later := p.evidence()[len(first):]
	if len(first) == 0 || len(later) == 0 {
		t.Fatalf("evidence: %v, then %v", first, later)
	}
	for _, span := range later {
		if span[0] < 1785 || span[0] > 1801 {
			t.Errorf("evidence of the second incident: %v, want packets of its act and before it", later)
		}
	}
	n := 0
	for i := range p.doc.Findings {
		if f := &p.doc.Findings[i]; f.Rule == "RS103" {
			n = f.Count
		}
	}
	// 60 of each of the 4 connections, 59 of each of the 7.
	if found < 4*58 || n < int(found)+7*58 {
		t.Errorf("%v misreads after the first incident, %d in all", found, n)
	}
}

// prometheus is a server that scrapes the run and judges the alert rules.
type prometheus struct{ address string }

// startPrometheus starts Debian's Prometheus; nil where there is none.
func startPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no prometheus here")
		}
		t.Log("no prometheus here: the run is tested without it")
		return nil
	}
	rules, err := filepath.Abs("../../contrib/prometheus-respsniff.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 500ms, evaluation_interval: 1s}\nrule_files: [%s]\n"+
		"scrape_configs: [{job_name: respsniff, static_configs: [{targets: ['%s']}]}]\n", rules, target)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &prometheus{testenv.FreeAddress(t)}
	cmd := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address, "--log.level=error")
	var log sharedBuffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 300 {
		if r, err := http.Get("http://" + p.address + "/-/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return p
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("prometheus does not begin: %s", log.String())
	return nil
}

// alert waits until an alert fires, or does not.
func (p *prometheus) alert(t *testing.T, name string, fires bool) {
	t.Helper()
	if p == nil {
		return
	}
	becomes(t, "alert "+name, map[bool]float64{true: 1}[fires], func() float64 {
		var a struct {
			Data struct {
				Alerts []struct{ Labels map[string]string }
			}
		}
		if err := json.Unmarshal([]byte(page(t, "http://"+p.address+"/api/v1/alerts")), &a); err != nil {
			t.Fatal(err)
		}
		for _, x := range a.Data.Alerts {
			if x.Labels["alertname"] == name {
				return 1
			}
		}
		return 0
	})
}

// dashboard asks each question of the dashboard, and wants an answer.
func (p *prometheus) dashboard(t *testing.T) {
	t.Helper()
	if p == nil {
		return
	}
	raw, err := os.ReadFile("../../contrib/grafana-respsniff.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	if len(board.Panels) < 10 {
		t.Fatalf("%d panels", len(board.Panels))
	}
	filled := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$server", ".*")
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			p.knows(t, filled.Replace(target.Expr))
		}
	}
}

// knows waits until there is an answer to a query.
func (p *prometheus) knows(t *testing.T, query string) {
	t.Helper()
	if p == nil {
		return
	}
	becomes(t, "an answer to "+query, 1, func() float64 {
		var a struct {
			Status string
			Data   struct{ Result []any }
		}
		if err := json.Unmarshal([]byte(page(t, "http://"+p.address+"/api/v1/query?query="+url.QueryEscape(query))), &a); err != nil {
			t.Fatal(err)
		}
		if a.Status == "success" && len(a.Data.Result) > 0 {
			return 1
		}
		return 0
	})
}
