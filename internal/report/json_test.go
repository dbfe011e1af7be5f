package report

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/respsniff/respsniff/capture"
)

// TestFindingContract holds the names and forms that scripts read.
func TestFindingContract(t *testing.T) {
	var b bytes.Buffer
	if err := WriteNDJSON(&b, sample()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 7 {
		t.Fatalf("%d lines, want 2 incidents, 4 findings and a summary", len(lines))
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[3]), &got); err != nil {
		t.Fatal(err)
	}
	example := got["examples"].([]any)[0].(map[string]any)
	victim := example["victims"].([]any)[0].(map[string]any)
	for _, tc := range []struct {
		in   map[string]any
		name string
		want any
	}{
		{got, "type", "finding"},
		{got, "rule", "RS101"},
		{got, "name", "dirty-reuse"},
		{got, "severity", "critical"},
		{got, "confidence", "proven"},
		{got, "title", "38 connections were used again while a reply was still owed"},
		{got, "fingerprint", "9f3c21d07be4"},
		{got, "client", "198.18.0.2"},
		{got, "server", "198.18.0.11:14159"},
		{got, "library", "jedis"},
		{got, "policy", "lockstep"},
		{got, "first", "2026-11-21T19:24:21.293321Z"},
		{got, "last", "2026-11-21T19:25:03.293321Z"},
		{got, "count", 111.0},
		{got, "incident", 1.0},
		{got, "connections", 38.0},
		{got, "remedy", sample().Findings[1].Remedy},
		{example, "conn", 412.0},
		{example, "client", "198.18.0.2:47868"},
		{example, "file", "a.pcap"},
		{example, "time", "2026-11-21T19:24:21.293321Z"},
		{example, "frames", []any{4396.0, 4401.0}},
		{example, "filter", "tcp.port==47868 && frame.number>=4390 && frame.number<=4460"},
		{victim, "index", 3.0},
		{victim, "command", "GET"},
		{victim, "key", "short_url_pre.OZfaJY"},
		{victim, "serves", 3.0},
		{victim, "believes", 2.0},
		{victim, "confidence", "strong"},
	} {
		if diff := cmp.Diff(tc.want, tc.in[tc.name]); diff != "" {
			t.Errorf("%s (-want +got): %s", tc.name, diff)
		}
	}
	var sum map[string]any
	if err := json.Unmarshal([]byte(lines[6]), &sum); err != nil {
		t.Fatal(err)
	}
	if sum["type"] != "summary" || sum["schema_version"] != 1.0 || sum["complete"] != true || sum["findings"] != nil {
		t.Errorf("summary line: %s", lines[6])
	}
}

func TestDocumentKeys(t *testing.T) {
	b, err := json.Marshal(&Document{})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"schema_version": "1", "complete": "false", "input": "[]", "findings": "[]"} {
		if string(got[name]) != want {
			t.Errorf("%s of an empty document is %s, want %s", name, got[name], want)
		}
	}
	for _, name := range []string{"quality", "summary"} {
		if !strings.HasPrefix(string(got[name]), "{") {
			t.Errorf("%s of an empty document is %s", name, got[name])
		}
	}
}

func TestReadBack(t *testing.T) {
	want := sample()
	want.Series = &Series{Open: []OpenSeries{{Client: "198.18.0.2", Points: []OpenPoint{{Time: Stamp(sampleStart), Open: 3}}}}}
	want.Doubts = []Doubt{{"why", "--flag"}}
	want.Suppressed = []Suppressed{{Rule: "RS210", Fingerprint: "aa", Reason: "known", Owner: "ops", Until: "2027-01-01"}}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"json":   func(b *bytes.Buffer) error { return WriteJSON(b, want) },
		"ndjson": func(b *bytes.Buffer) error { return WriteNDJSON(b, want) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":              "",
		"not JSON":           "hello",
		"another document":   `{"a":1}`,
		"a later version":    `{"schema_version":2,"findings":[]}`,
		"unknown severity":   `{"schema_version":1,"findings":[{"severity":"fatal"}]}`,
		"unknown confidence": `{"schema_version":1,"findings":[{"severity":"low","confidence":"sure"}]}`,
		"bad address":        `{"schema_version":1,"findings":[{"severity":"low","server":"x"}]}`,
		"findings only":      `{"type":"finding","severity":"low"}`,
	} {
		if d, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s was read as %+v", name, d)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := WriteJSON(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema_version":1,"findings":[{"severity":"low","examples":[{"ladder":[{}],"victims":[{}]}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, format := range ownFormats {
			out := writeOwn(t, format, d)
			if i, bad := actingByte(out); bad {
				t.Fatalf("%s: an acting character at byte %d: %.60q", format, i, out[max(0, i-20):])
			}
		}
	})
}

func TestStamp(t *testing.T) {
	for _, tc := range []struct {
		ns   int
		want string
	}{
		{293321000, "2026-11-21T19:24:21.293321Z"},
		{293321001, "2026-11-21T19:24:21.293321001Z"},
		{293321100, "2026-11-21T19:24:21.293321100Z"},
		{0, "2026-11-21T19:24:21.000000Z"},
		{100000000, "2026-11-21T19:24:21.100000Z"},
	} {
		s := Stamp(capture.TimeOf(time.Date(2026, 11, 21, 19, 24, 21, tc.ns, time.UTC)))
		if s.String() != tc.want {
			t.Errorf("%d ns: %s, want %s", tc.ns, s, tc.want)
		}
		var back Stamp
		if err := back.UnmarshalText([]byte(tc.want)); err != nil || back != s {
			t.Errorf("%s was read as %s, %v", tc.want, back, err)
		}
	}
}
