package rows

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/resp"
)

var sampleStart = capture.TimeOf(time.Date(2026, 11, 21, 19, 24, 21, 293321000, time.UTC))

// sampleRows are the exchange and the connection of the documentation, and their poor cousins.
func sampleRows() []Row {
	key := "short_url_pre.OZfaJY"
	at := func(d time.Duration) report.Stamp { return report.Stamp(sampleStart.Add(d)) }
	return []Row{
		&Exchange{
			Type: "exchange", Conn: 412, Client: "198.18.0.2:47868", Server: "198.18.0.11:14159", Index: 3, Command: "GET", Key: &key, Frame: 4396,
			Time: at(0), Serves: &Serves{Index: 3, Frame: 4450, Time: at(time.Second), Kind: "null", Bytes: 5}, Believes: &Believes{Index: 2, Confidence: "strong"},
		},
		&Exchange{
			Type: "exchange", Conn: 412, Client: "198.18.0.2:47868", Server: "198.18.0.11:14159", Index: 4, Command: "GET", Key: &key, Frame: 4460,
			Time: at(time.Second), Outstanding: 1, Serves: &Serves{Index: 4, Frame: 4461, Time: at(time.Second + time.Millisecond), Kind: "error", Bytes: 38, Error: "MOVED 7438 198.18.0.12:14160"},
			Believes: &Believes{Index: 4, Confidence: "proven"},
		},
		&Exchange{
			Type: "exchange", Conn: 412, Client: "198.18.0.2:47868", Server: "198.18.0.11:14159", Index: 5, Command: "QUIT", Frame: 4470, Time: at(2 * time.Second),
			Flags: []string{"control"},
		},
		&Exchange{
			Type: "exchange", Conn: 413, Client: "198.18.0.2:47870", Server: "198.18.0.11:14159", Index: 2, Command: "GET", Key: &key, Frame: 4480,
			Time: at(3 * time.Second), Flags: []string{"queued"}, Exec: newExec(pairing.ExecView{Element: 1, Kind: resp.Bulk, N: 57}),
			Serves: &Serves{Index: 2, Frame: 4481, Time: at(3*time.Second + time.Millisecond), Kind: "simple", Bytes: 9}, Believes: &Believes{Index: 2, Confidence: "proven"},
		},
	}
}

func sampleConns() []Row {
	return []Row{
		NewConn(&analysis.ConnSummary{
			ID: 412, Client: netip.MustParseAddrPort("198.18.0.2:47868"), Server: netip.MustParseAddrPort("[2001:db8::1]:6379"), First: sampleStart,
			Last: sampleStart.Add(time.Minute), Start: "syn", End: "rst", Protocol: "resp", Commands: 5, Replies: 5, Policy: "lockstep", Library: "jedis",
			ReadTimeout: 300300 * time.Microsecond, Dirty: true, Behind: 1, Findings: []string{"RS101", "RS103"},
		}, "", report.Mask{}),
		NewConn(&analysis.ConnSummary{ID: 413, Start: "midstream", End: "open", Policy: "unknown"}, "b.pcap", report.Mask{}),
	}
}

func writeRows(t *testing.T, format report.Format, list string, rows []Row) string {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, format, list, report.Clock{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(true); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name, or rewrites the file with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nto accept: go test ./internal/report/rows -run '%s' -update", path, diff, t.Name())
	}
}

// TestRows writes what the tests of package report hold against the schema.
func TestRows(t *testing.T) {
	for list, rows := range map[string][]Row{"exchanges": sampleRows(), "connections": sampleConns(), "none": nil} {
		for _, format := range []report.Format{report.Text, report.JSON, report.NDJSON, report.CSV} {
			out := writeRows(t, format, list, rows)
			golden(t, list+"."+string(format), []byte(out))
			switch format {
			case report.CSV:
				if _, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil {
					t.Error(err)
				}
			case report.Text:
				for line := range strings.Lines(out) {
					if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
						t.Errorf("%d characters: %s", n, line)
					}
				}
			}
		}
	}
}

// TestExchangeContract holds the row that interface documents and acceptance runs read.
func TestExchangeContract(t *testing.T) {
	const want = `{"type":"exchange","conn":412,"client":"198.18.0.2:47868","server":"198.18.0.11:14159","index":3,"command":"GET","key":"short_url_pre.OZfaJY","frame":4396,"time":"2026-11-21T19:24:21.293321Z","outstanding":0,"serves":{"index":3,"frame":4450,"time":"2026-11-21T19:24:22.293321Z","kind":"null","bytes":5},"believes":{"index":2,"confidence":"strong"}}`
	got, err := json.Marshal(sampleRows()[0])
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, string(got)))
	}
	got, err = json.Marshal(sampleRows()[2])
	if err != nil || !strings.HasSuffix(string(got), `"serves":null,"believes":null}`) {
		t.Errorf("%v: %s", err, got)
	}
	const conn = `{"type":"conn","conn":412,"client":"198.18.0.2:47868","server":"[2001:db8::1]:6379","flow":"1:qEzDS3yiP8RHTKEi+jyCrkkOxrQ=","first":"2026-11-21T19:24:21.293321Z","last":"2026-11-21T19:25:21.293321Z","start":"syn","end":"rst","protocol":"resp","commands":5,"replies":5,"policy":"lockstep","library":"jedis","read_timeout_ms":300.3,"dirty":true,"behind":1,"lost_bytes":0,"findings":["RS101","RS103"]}`
	got, err = json.Marshal(sampleConns()[0])
	if err != nil || string(got) != conn {
		t.Errorf("%v\n%s", err, cmp.Diff(conn, string(got)))
	}
}

func TestNewExchange(t *testing.T) {
	e := &pairing.Exchange{Index: 7, Served: true, Flags: pairing.Queued}
	e.Frame, e.Time, e.HasKey = 9, sampleStart, true
	e.Name.Set([]byte("foo.bar\x1b"), 8)
	e.Key.Set(bytes.Repeat([]byte("k"), 72), 200)
	row := NewExchange(e, 3, netip.MustParseAddrPort("[::ffff:10.0.0.1]:5"), netip.MustParseAddrPort("10.0.0.2:6379"), "", report.Mask{})
	if row.Command != `FOO.BAR\x1b` || row.Client != "10.0.0.1:5" || row.Believes != nil || row.Serves == nil || row.Serves.Index != 7 {
		t.Errorf("%+v", row)
	}
	if key := *row.Key; len(key) != report.KeyWidth || !strings.HasSuffix(key, "kkk...") {
		t.Errorf("key %q", key)
	}
	if row.Exec != nil {
		t.Errorf("an element of no EXEC: %+v", row.Exec)
	}
	e.Exec = pairing.ExecView{Element: 2, Kind: resp.Integer, N: 4711}
	if got, err := json.Marshal(newExec(e.Exec)); err != nil || string(got) != `{"element":2,"kind":"integer"}` {
		t.Errorf("%s, %v: an integer is a value, and hidden", got, err)
	}
	if !cmp.Equal(row.Flags, []string{"queued"}) {
		t.Errorf("flags %v", row.Flags)
	}
}

// TestSorter: rows come back as they were, in order of time, whether or not they fit into memory.
func TestSorter(t *testing.T) {
	for _, memory := range []int{1, 1 << 20} {
		for list, rows := range map[string][]Row{"exchanges": sampleRows(), "connections": sampleConns()} {
			s := NewSorter(list, memory)
			for i := range rows {
				if err := s.Add(rows[len(rows)-1-i]); err != nil {
					t.Fatal(err)
				}
			}
			var got []Row
			for row, err := range s.Rows() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, row)
			}
			want := rows
			if list == "connections" { // the second is of 1970
				want = []Row{rows[1], rows[0]}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in %d bytes (-want +got):\n%s", list, memory, diff)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
