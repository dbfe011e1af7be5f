package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/chromium"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/page"
	"github.com/respsniff/respsniff/resp"
)

// run makes a document of so many connections with ten calls each; on connection stolen the fifth caller gives up and the
// sixth takes its reply.
func run(conns int, stolen int64) *report.Document {
	const calls = 10
	began := capture.TimeOf(time.Date(2026, 11, 21, 19, 24, 21, 0, time.UTC))
	server := netip.MustParseAddrPort("10.1.0.1:6379")
	r := page.NewRecorder(page.Options{})
	var summaries []*analysis.ConnSummary
	var last capture.Time
	for c := range conns {
		s := &pairing.Session{}
		s.ID, s.Client, s.Server = int64(c+1), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(c % 30), 1}), uint16(10000+c/30%50000)), server
		first := began.Add(time.Duration(c) * 100 * time.Microsecond)
		for i := range calls {
			last = first.Add(time.Duration(i) * 10 * time.Millisecond)
			e := &pairing.Exchange{Session: s, Index: i + 1, Served: true}
			e.Name.Set([]byte("GET"), 3)
			key := fmt.Sprintf("key:%d:%d", c+1, i+1)
			e.Key.Set([]byte(key), len(key))
			e.HasKey, e.Frame, e.Time, e.EndTime, e.Start, e.End, e.Ack = true, int64(c*calls+i)*2+1, last, last, int64(i)*30, int64(i)*30+30, int64(i)*10
			e.Serves = pairing.ReplyInfo{Start: int64(i) * 10, End: int64(i)*10 + 10, Frame: e.Frame + 1, FirstTime: last.Add(time.Millisecond), Time: last.Add(time.Millisecond), Kind: resp.Bulk}
			e.Belief = pairing.Belief{Index: i + 1, Confidence: pairing.Strong}
			switch {
			case s.ID == stolen && i == 4:
				e.Belief = pairing.Belief{}
			case s.ID == stolen && i > 4:
				e.Belief.Index = i
			}
			r.See(e)
		}
		summaries = append(summaries, &analysis.ConnSummary{ID: s.ID, Client: s.Client, Server: s.Server, First: first, Last: last, Start: "syn", End: "open", Protocol: "resp", Commands: calls, Replies: calls, Policy: "lockstep"})
	}
	d := &report.Document{Complete: true, Trace: r.Trace(summaries, nil, nil)}
	d.Summary = report.Summary{Packets: 20 * int64(conns), Connections: int64(conns), Redis: int64(conns), Commands: calls * int64(conns), Replies: calls * int64(conns), Clients: 30, Servers: 1, First: began, Last: last}
	d.Judge(report.Gate{})
	return d
}

func serve(t *testing.T, d *report.Document) *Server {
	t.Helper()
	s, err := Listen(d, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestOnlyThePageIsAnswered asks as other pages and other programs would.
func TestOnlyThePageIsAnswered(t *testing.T) {
	s := serve(t, run(3, 2))
	other := serve(t, run(1, 0))
	if s.token == other.token || len(s.token) < 26 {
		t.Errorf("tokens %q and %q: at least 128 bits, of each server", s.token, other.token)
	}
	if host, _, _ := strings.Cut(s.host(), ":"); host != "127.0.0.1" {
		t.Errorf("it listens on %s", s.host())
	}
	base := "http://" + s.host()
	for _, tc := range []struct {
		name, method, path string
		header             map[string]string
		code               int
	}{
		{"the page", "GET", "/" + s.token + "/", nil, 200},
		{"a link in a ticket", "GET", "/" + s.token + "/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200},
		{"its data", "GET", "/" + s.token + "/run.json", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"a ladder", "GET", "/" + s.token + "/ladder.json?conn=2&from=1&to=5", map[string]string{"Origin": base}, 200},
		{"no token", "GET", "/", nil, 404},
		{"another token", "GET", "/" + other.token + "/", nil, 404},
		{"a part of the token", "GET", "/" + s.token[:20] + "/", nil, 404},
		{"another name for it", "GET", "/" + s.token + "/", map[string]string{"Host": "evil.example"}, 403},
		{"localhost", "GET", "/" + s.token + "/", map[string]string{"Host": strings.Replace(s.host(), "127.0.0.1", "localhost", 1)}, 403},
		{"another origin", "GET", "/" + s.token + "/run.json", map[string]string{"Origin": "http://evil.example"}, 403},
		{"an origin without a name", "GET", "/" + s.token + "/run.json", map[string]string{"Origin": "null"}, 403},
		{"data for another site", "GET", "/" + s.token + "/run.json", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"a write", "POST", "/" + s.token + "/run.json", nil, 405},
		{"something else", "GET", "/" + s.token + "/etc/passwd", nil, 404},
		{"a file above", "GET", "/" + s.token + "/../../etc/passwd", nil, 404},
		{"no number", "GET", "/" + s.token + "/ladder.json?conn=x", nil, 400},
		{"a span backwards", "GET", "/" + s.token + "/strip.json?from=5&to=4", nil, 400},
	} {
		req, err := http.NewRequest(tc.method, base+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range tc.header {
			if k == "Host" {
				req.Host = v
			}
			req.Header.Set(k, v)
		}
		answer, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != tc.code {
			t.Errorf("%s: %d, want %d", tc.name, answer.StatusCode, tc.code)
		}
		if tc.code != 200 && (len(body) > 100 || strings.Contains(string(body), s.token)) {
			t.Errorf("%s: it says %.100q", tc.name, body)
		}
		for k, v := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": ""} {
			if got := answer.Header.Get(k); got != v {
				t.Errorf("%s: %s is %q, want %q", tc.name, k, got, v)
			}
		}
		if csp := answer.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'sha256-") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", tc.name, csp)
		}
	}
}

// TestWindowsAreBounded asks for more than one answer has.
func TestWindowsAreBounded(t *testing.T) {
	s := serve(t, run(300, 0))
	get := func(path string, v any) {
		t.Helper()
		answer, err := http.Get(s.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
			t.Fatal(err)
		}
	}
	var found []page.Found
	if get("find.json?q=key", &found); len(found) != maxFound {
		t.Errorf("%d of 3,000 commands are found, want %d", len(found), maxFound)
	}
	var ladder struct{ Rows []json.RawMessage }
	if get("ladder.json?conn=9&from=3&to=99999999", &ladder); len(ladder.Rows) != 8 {
		t.Errorf("%d rows from the third of ten on", len(ladder.Rows))
	}
	var none any
	if get("ladder.json?conn=301&from=1&to=2", &none); none != nil {
		t.Errorf("a connection that is not there has %v", none)
	}
}

// TestManyConnections looks at a run of a million commands on 100,000 connections, or of a tenth of that.
func TestManyConnections(t *testing.T) {
	b, err := chromium.Start(5 * time.Minute)
	if errors.Is(err, chromium.ErrNone) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	conns := 100000 / exhaustive.Step(10)
	d := run(conns, int64(conns/2))
	from := time.Now()
	s := serve(t, d)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(b.Size(1280, 900, false))
	check(b.Open(s.Address()))
	t.Logf("%d connections: %v until the page is drawn", conns, time.Since(from).Round(time.Millisecond))
	var first string
	check(b.Eval(`document.querySelector(".conns tbody a").textContent`, &first))
	if first != fmt.Sprint(conns/2) {
		t.Errorf("connection %s is the first of the table, want %d, on which calls were misread", first, conns/2)
	}
	check(b.Eval(fmt.Sprintf(`(() => { const s = document.querySelector("input[type=search]"); s.value = "key:%d:3"; s.dispatchEvent(new Event("input")); })()`, conns-1), nil))
	check(b.Wait(`document.querySelector(".found a")`))
	check(b.Eval(`document.querySelector(".found a").click()`, nil))
	check(b.Wait(fmt.Sprintf(`location.hash === "#conn-%d-3" && document.querySelector("#detail h3").textContent.includes("key:%[1]d:3")`, conns-1)))
	check(b.Open(s.Address() + fmt.Sprintf("#conn-%d-6", conns/2)))
	check(b.Wait(`document.querySelector('.line-stolen[data-call="6"][data-reply="5"]')`))
	// The slowest thing that a person does while looking: another order of all rows.
	var took float64
	check(b.Eval(`(() => { const from = performance.now(); document.querySelector(".conns th:nth-child(2) button").click(); return performance.now() - from; })()`, &took))
	t.Logf("a sort takes %.0f ms", took)
	if len(b.Console) > 0 {
		t.Errorf("the console says:\n%s", strings.Join(b.Console, "\n"))
	}
}
