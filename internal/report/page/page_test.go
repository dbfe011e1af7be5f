package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/resp"
	"golang.org/x/net/html"
)

// sample is a run of package report, which was saved: it has no Trace.
func sample(t *testing.T) *report.Document {
	t.Helper()
	f, err := os.Open("../testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := report.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPolicyAllowsItsOwn recomputes the hashes from the page as a browser reads it.
func TestPolicyAllowsItsOwn(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, sample(t), report.Options{}); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	hash := func(n *html.Node) string {
		sum := sha256.Sum256([]byte(n.FirstChild.Data))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	policy, style, program := "", "", ""
	for n := range root.Descendants() {
		switch n.Data {
		case "meta":
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Val, "default-src") {
					policy = a.Val
				}
			}
		case "style":
			style = hash(n)
		case "script":
			program = hash(n) // the last one; the first holds data
		}
	}
	if want := "default-src 'none'; script-src " + program + "; style-src " + style + "; base-uri 'none'; form-action 'none'"; policy != want {
		t.Errorf("policy %q\nwant   %q", policy, want)
	}
}

// TestFrontIsWhole: each module is in the program, stands behind what it imports, and asks for nothing from elsewhere.
func TestFrontIsWhole(t *testing.T) {
	files, err := frontFiles.ReadDir("front")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"page.html": true, "page.css": true}
	for i, name := range modules {
		known[name] = true
		text := front(name)
		if text == "" {
			t.Errorf("%s is empty", name)
		}
		for line := range strings.Lines(text) {
			_, from, ok := strings.Cut(line, ` from "./`)
			if !ok {
				continue
			}
			if !strings.HasPrefix(line, "import ") {
				t.Errorf("%s: an import over several lines would not be taken out: %s", name, line)
			}
			if at := slices.Index(modules, strings.TrimSuffix(from, "\";\n")); at < 0 || at >= i {
				t.Errorf("%s imports %s, which stands behind it", name, from)
			}
		}
	}
	for _, f := range files {
		if !known[f.Name()] {
			t.Errorf("%s is in no page", f.Name())
		}
	}
	all := script() + front("page.css") + front("page.html")
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "@import", "url(h", "</script", "src="} {
		if strings.Contains(all, bad) {
			t.Errorf("the front end has %q", bad)
		}
	}
	for _, at := range []string{"http://", "https://"} {
		if n := strings.Count(all, at); n > 1 || n == 1 && !strings.Contains(all, "http://www.w3.org/2000/svg") {
			t.Errorf("the front end names %d addresses that begin with %s", n, at)
		}
	}
}

// TestNamesBounds: limits that were reached are on the page, each by its name with what it may hide.
func TestNamesBounds(t *testing.T) {
	d := sample(t)
	d.Reach(report.Bound{Name: "client groups", Limit: 32768, Hits: 5, Hides: "what clients had shown", Loses: report.Evidence})
	var b bytes.Buffer
	if err := Write(&b, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if line := "client groups: the limit of 32,768 was reached 5 times; it may hide what clients had shown"; !strings.Contains(b.String(), line) {
		t.Errorf("the page does not say %q", line)
	}
}

// TestRowsComeBack encodes rows with each of their parts, and reads them back.
func TestRowsComeBack(t *testing.T) {
	plain := row{index: 1, start: 5, end: 9, frame: 3, command: "GET", from: 0, to: 10, ack: -1}
	full := row{
		index: 1 << 20, start: -7, end: -7, frame: 1 << 40, file: 3, command: "CLIENT REPLY", key: "k\u00e4", hasKey: true, marks: notAwaited | blocks, outstanding: 9,
		from: 1 << 50, to: 1<<50 + 12, ack: 77, acked: 3, ackedFrame: 12,
		reply:  rowReply{first: 12, last: 15, frame: 13, file: 2, from: 4, to: 90, ack: 88, kind: resp.Error, text: "ERR no"},
		belief: pairing.Belief{Index: 4, Confidence: pairing.Strong, Outcome: pairing.Plain}, wait: rowWait{time: 99, frame: 14, how: desync.GaveUpClose},
		exec: pairing.ExecView{Element: 2, Kind: resp.Bulk, N: 9},
	}
	empty := full
	empty.key, empty.reply, empty.wait, empty.ackedFrame, empty.acked, empty.exec = "", rowReply{}, rowWait{}, 0, 0, pairing.ExecView{}
	var b []byte
	all := []row{plain, full, empty, full}
	for i := range all {
		b = all[i].append(b)
	}
	d := rowDecoder{b}
	for i, want := range all {
		if got := d.row(); !reflect.DeepEqual(got, want) {
			t.Errorf("row %d\ngot  %+v\nwant %+v", i, got, want)
		}
	}
	if len(d.b) > 0 {
		t.Errorf("%d bytes are left over", len(d.b))
	}
	d = rowDecoder{b}
	for i, want := range all {
		if command, key := d.name(); string(command) != want.command || string(key) != want.key {
			t.Errorf("row %d is called %s %s", i, command, key)
		}
	}
	for i := range all {
		var list []any
		if text, err := json.Marshal(&all[i]); err != nil || json.Unmarshal(text, &list) != nil || len(list) != 18 {
			t.Errorf("row %d as JSON: %v: %s", i, err, text)
		}
	}
}

var (
	client = netip.MustParseAddrPort("10.0.0.1:40001")
	server = netip.MustParseAddrPort("10.1.0.1:6379")
	began  = capture.TimeOf(time.Date(2026, 11, 21, 19, 24, 21, 0, time.UTC))
)

// record makes a Trace of many connections with healthy calls, of which those in stolen took the reply to the one before.
func record(t testing.TB, o Options, conns, calls int, stolen map[place]bool) *Trace {
	t.Helper()
	r := NewRecorder(o)
	var summaries []*analysis.ConnSummary
	for c := range conns {
		s := &pairing.Session{}
		s.ID, s.Client, s.Server = int64(c+1), netip.AddrPortFrom(client.Addr(), uint16(10000+c%50000)), server
		first := began.Add(time.Duration(c) * time.Millisecond)
		var last capture.Time
		for i := range calls {
			last = first.Add(time.Duration(i) * 10 * time.Millisecond)
			e := &pairing.Exchange{Session: s, Index: i + 1, Served: true}
			e.Name.Set([]byte("GET"), 3)
			e.Key.Set([]byte("key"), 3)
			e.HasKey, e.Frame, e.Time, e.EndTime, e.Start, e.End, e.Ack = true, int64(c*calls+i)*2+1, last, last, int64(i)*30, int64(i)*30+30, int64(i)*10
			e.Serves = pairing.ReplyInfo{Start: int64(i) * 10, End: int64(i)*10 + 10, Frame: e.Frame + 1, FirstTime: last.Add(time.Millisecond), Time: last.Add(time.Millisecond), Kind: resp.Bulk}
			e.Belief = pairing.Belief{Index: i + 1, Confidence: pairing.Strong}
			if stolen[place{s.ID, i + 1}] {
				e.Belief.Index = i
			}
			r.See(e)
		}
		summaries = append(summaries, &analysis.ConnSummary{ID: s.ID, Client: s.Client, Server: s.Server, First: first, Last: last, Start: "syn", End: "open", Protocol: "resp", Commands: calls, Replies: calls, Policy: "lockstep"})
	}
	return r.Trace(summaries, nil, nil)
}

type place struct {
	conn  int64
	index int
}

// TestStoreGivesUpTheOldest: within its memory the store has what happened, with what stood beside it, and the newest rows.
func TestStoreGivesUpTheOldest(t *testing.T) {
	var set bound.Set
	stolen := map[place]bool{{1, 300}: true}
	x := record(t, Options{Memory: 64 << 10, Bounds: &set}, 40, 640, stolen)
	if x.r.store.size > 64<<10 {
		t.Errorf("%d bytes, at most %d", x.r.store.size, 64<<10)
	}
	l, ok := x.Ladder(1, 0, 1<<30)
	if !ok || len(l.Rows) == 0 || !slices.ContainsFunc(l.Rows, func(r row) bool { return r.index == 300 && r.misread() }) ||
		!slices.ContainsFunc(l.Rows, func(r row) bool { return r.index == 299 }) || l.Kept+l.Dropped != 640 {
		t.Errorf("connection 1 has %d rows of %d: the misread and what stands before it are wanted", l.Kept, l.Kept+l.Dropped)
	}
	if l, _ := x.Ladder(40, 600, 641); len(l.Rows) != 41 {
		t.Errorf("the newest connection has %d of its last 41 rows", len(l.Rows))
	}
	if l, _ := x.Ladder(5, 0, 1<<30); len(l.Rows) > 0 || l.Dropped != 640 {
		t.Errorf("an old healthy connection has %d rows", len(l.Rows))
	}
	if reached := set.Reached(); len(reached) != 1 || reached[0].Loses != bound.Detail || reached[0].Hits != int64(40*640)-x.Exchanges() {
		t.Errorf("bounds: %+v; %d rows are kept", reached, x.Exchanges())
	}
}

// TestFileIsBounded writes a run that is larger than a file may be, in words and in traffic.
func TestFileIsBounded(t *testing.T) {
	d := sample(t)
	big := d.Findings[1]
	long := strings.Repeat("a long text & more ", 10)
	e := &big.Examples[0]
	for range 8 {
		e.Facts = append(e.Facts, long)
	}
	for len(e.Victims) < 1000 {
		e.Victims = append(e.Victims, e.Victims[0])
	}
	for len(d.Findings) < 500 {
		d.Findings = append(d.Findings, big)
	}
	d.Trace = record(t, Options{}, 8000, 20, map[place]bool{{7000, 11}: true})
	d.Summary.First, d.Summary.Last = began, began.Add(10*time.Second)
	var b bytes.Buffer
	if err := Write(&b, d, report.Options{Page: func(string) string { return strings.Repeat("0123456789\n", 1000) }}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 5_000_000 {
		t.Errorf("%d bytes", b.Len())
	}
	for _, want := range []string{"4,000 of 8,000 connections in the table", "the commands of ", `"7000":{"conn":7000`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestWindows asks for parts of a run.
func TestWindows(t *testing.T) {
	x := record(t, Options{}, 3, 200, map[place]bool{{3, 7}: true})
	if found := x.Find("", true, 5); len(found) != 1 || found[0].Conn != 3 || found[0].Index != 7 {
		t.Errorf("calls that got another call's reply: %+v", found)
	}
	if s := x.Strip(); s.Clients[0].Open[0] != 3 || s.Servers[0].Waits[0] != 1000 {
		t.Errorf("at the beginning %d connections are open, and the longest wait is %d us; want 3 and 1000", s.Clients[0].Open[0], s.Servers[0].Waits[0])
	}
	if l, _ := x.Ladder(2, 100, 110); len(l.Rows) != 10 || l.Rows[0].index != 100 {
		t.Errorf("a window of 10 has %d rows", len(l.Rows))
	}
	if _, ok := x.Ladder(4, 1, 2); ok {
		t.Error("there is no connection 4")
	}
	if n := x.Near(2, int64(time.Millisecond+500*time.Millisecond)); n != 51 {
		t.Errorf("at half a second connection 2 had written %d commands", n)
	}
	sum := func(counts []uint32) (n int) {
		for _, c := range counts {
			n += int(c)
		}
		return n
	}
	if s := x.Strip(); sum(s.Servers[0].Counts) != 600 || len(s.Clients) != 1 || len(s.Servers[0].Counts) > steps {
		t.Errorf("the strip counts %d commands in %d steps", sum(s.Servers[0].Counts), len(s.Servers[0].Counts))
	}
	if s := x.Closer(int64(500*time.Millisecond), int64(600*time.Millisecond)); sum(s.Clients[0].Counts) < 30 || sum(s.Clients[0].Counts) > 33 {
		t.Errorf("a tenth of a second has %d commands of 3 connections", sum(s.Clients[0].Counts))
	}
	if found := x.Find("GET KEY", false, 5); len(found) != 5 || found[0].Conn != 1 {
		t.Errorf("found %+v", found)
	}
}

// TestLanesAreOfTrouble: of many clients those with trouble have lanes of their own, and the others are counted together.
func TestLanesAreOfTrouble(t *testing.T) {
	r := NewRecorder(Options{})
	const clients, calls = 2000, 3
	var summaries []*analysis.ConnSummary
	for c := range clients {
		s := &pairing.Session{}
		s.ID, s.Server = int64(c+1), server
		s.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(c >> 8), byte(c)}), 1000)
		for i := range calls {
			at := began.Add(time.Duration(c*calls+i) * time.Millisecond)
			e := &pairing.Exchange{Session: s, Index: i + 1, Served: true}
			e.Time, e.EndTime, e.Frame = at, at, int64(c*calls+i+1)
			e.Serves = pairing.ReplyInfo{Frame: e.Frame, FirstTime: at.Add(time.Duration(c) * time.Microsecond), Time: at, Kind: resp.Null}
			if e.Belief = (pairing.Belief{Index: i + 1, Confidence: pairing.Strong}); c == 900 && i > 0 {
				e.Belief.Index = i
			}
			r.See(e)
		}
		summaries = append(summaries, &analysis.ConnSummary{ID: s.ID, Client: s.Client, Server: s.Server, First: began, Last: began})
	}
	x := r.Trace(summaries, nil, nil)
	for name, s := range map[string]*Strip{"whole": x.Strip(), "closer": x.Closer(0, int64(clients*calls)*int64(time.Millisecond))} {
		if len(s.Clients) != maxLanes+1 || s.Clients[0].Name != "10.0.3.132" {
			t.Fatalf("%s: %d lanes, the first of %s", name, len(s.Clients), s.Clients[0].Name)
		}
		last := s.Clients[maxLanes]
		commands, longest, open := 0, uint32(0), int32(0)
		for _, l := range s.Clients {
			for _, n := range l.Counts {
				commands += int(n)
			}
			longest = max(longest, slices.Max(l.Waits))
			open += l.Open[0]
		}
		if last.Name != "further clients" || last.Commands != (clients-maxLanes)*calls || commands != clients*calls || longest != clients-1 || open != clients {
			t.Errorf("%s: %s with %d commands; all lanes have %d, the longest wait is %d us, %d connections are open", name, last.Name, last.Commands, commands, longest, open)
		}
	}
}
