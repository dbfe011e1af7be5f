package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/testcap"
)

// liveStream runs live on a stream, and returns the rows that it wrote.
func liveStream(t *testing.T, stream io.Reader, args ...string) (code int, rows []map[string]any, log string) {
	t.Helper()
	var out, stderr bytes.Buffer
	code = run(t.Context(), stream, &out, &stderr, append([]string{"live", "-i", "-", "-o", "ndjson", "--keep-privileges", "--interval", "0"}, args...))
	for line := range bytes.Lines(out.Bytes()) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		rows = append(rows, row)
	}
	return code, rows, stderr.String()
}

func raw(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(testcap.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLiveStream: live reads a capture from standard input while it is written: it tells of findings before the end, and
// ends with the incidents of analyze and its exit code.
func TestLiveStream(t *testing.T) {
	for _, name := range []string{"01a_small.pcap", "02a_redispy451_asyncio_cancel.pcap", "08e_noderedis3_healthy.pcap"} {
		t.Run(name, func(t *testing.T) {
			all := raw(t, name)
			var out, stderr bytes.Buffer
			want := run(t.Context(), bytes.NewReader(all), &out, &stderr, []string{"analyze", "-", "-o", "json"})
			var whole struct {
				Incidents []struct{ Verdict, Rule string }
			}
			if err := json.Unmarshal(out.Bytes(), &whole); err != nil {
				t.Fatal(err)
			}
			code, rows, log := liveStream(t, bytes.NewReader(all))
			var incidents []struct{ Verdict, Rule string }
			early := 0
			for _, row := range rows {
				switch {
				case row["type"] == "incident":
					incidents = append(incidents, struct{ Verdict, Rule string }{row["verdict"].(string), row["rule"].(string)})
				case row["news"] != nil:
					early++
				}
			}
			if code != want || !slices.Equal(incidents, whole.Incidents) || (early > 0) != (len(incidents) > 0) {
				t.Errorf("exit code %d, incidents %v, %d told of early; analyze: %d, %v\n%s", code, incidents, early, want, whole.Incidents, log)
			}
		})
	}
}

// TestLiveStreamEnds: what a stream that is empty, cut or no capture ends with, and what has no meaning for one.
func TestLiveStreamEnds(t *testing.T) {
	healthy := raw(t, "08e_noderedis3_healthy.pcap")
	for name, c := range map[string]struct {
		stream []byte
		args   []string
		code   int
		word   string
	}{
		"empty":            {nil, nil, exitIncomplete, "empty"},
		"only a header":    {healthy[:24], nil, exitIncomplete, ""},
		"allowed":          {healthy[:24], []string{"--allow-empty"}, exitClean, ""},
		"cut":              {healthy[:len(healthy)-7], nil, exitIncomplete, "cut"},
		"no capture":       {[]byte(strings.Repeat("hello ", 100)), nil, exitIncomplete, "capture"},
		"a limit":          {healthy, []string{"-c", "100"}, exitClean, ""},
		"a capture filter": {healthy, []string{"-f", "port 6379"}, exitUsage, "where it is captured"},
		"hosts":            {healthy, []string{"--host", "10.0.0.1"}, exitUsage, "--client"},
		"an interface too": {healthy, []string{"-i", "lo"}, exitUsage, "no other interface"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, log := liveStream(t, bytes.NewReader(c.stream), c.args...)
			if code != c.code || !strings.Contains(log, c.word) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, c.code, c.word, log)
			}
		})
	}
}

// TestLiveStreamOfAFleet: all rows say of which run and host they are.
func TestLiveStreamOfAFleet(t *testing.T) {
	_, rows, _ := liveStream(t, bytes.NewReader(raw(t, "01a_small.pcap")), "--run-name", "r1", "--host-name", "app1")
	findings := 0
	for _, row := range rows {
		if row["type"] == "finding" || row["type"] == "incident" || row["type"] == "summary" {
			findings++
			if row["run"] != "r1" || row["host"] != "app1" {
				t.Errorf("%v", row)
			}
		}
	}
	if findings < 3 {
		t.Errorf("%d rows", findings)
	}
}
