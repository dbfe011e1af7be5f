package progress

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// file writes a capture of n packets, 64 bytes each, a millisecond apart.
func file(t *testing.T, n int, compressed bool, later ...time.Duration) string {
	t.Helper()
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	at := capture.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for _, d := range later {
		at = at.Add(d)
	}
	for i := range n {
		p := capture.Packet{Time: at.Add(time.Duration(i) * time.Millisecond), Data: make([]byte, 64), Length: 64, Link: 1}
		if err := w.Write(p, ""); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "x.pcapng")
	if compressed {
		var z bytes.Buffer
		g := gzip.NewWriter(&z)
		g.Write(b.Bytes())
		g.Close()
		b = z
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run reads captures, with a clock that goes on by step at each look.
func run(t *testing.T, m *Meter, step time.Duration, names ...string) string {
	t.Helper()
	var out bytes.Buffer
	m.W = &out
	at := time.Unix(0, 0)
	m.now = func() time.Time { at = at.Add(step); return at }
	source, err := capture.Open(names, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	for range m.Batches(context.Background(), source) {
	}
	return out.String()
}

func TestMeterShowsShareAndRest(t *testing.T) {
	path := file(t, 40000, false)
	lines := strings.Split(strings.TrimSpace(run(t, &Meter{}, 31*time.Second, path)), "\n")
	form := regexp.MustCompile(`^respsniff: (\d+) %, (\d+ s|\d+ min \d\d s) left: \d+ packets, \d+ MiB, \d+ MiB/s, at 2026-01-02 03:0\d:\d\d UTC$`)
	if len(lines) != 39 {
		t.Errorf("%d lines of 39 looks: %q", len(lines), lines)
	}
	for i, line := range lines {
		m := form.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("%s", line)
			continue
		}
		percent, _ := strconv.ParseFloat(m[1], 64)
		left, err := time.ParseDuration(strings.NewReplacer(" s", "s", " min ", "m").Replace(m[2]))
		if err != nil {
			t.Error(err)
		}
		// The share is rounded down: the rest lies between what it and the next one give.
		spent := 31 * float64(i+1)
		if least, most := spent*(99-percent)/(percent+1), spent*(100-percent)/max(percent, 0.1); left.Seconds() < least-1 || left.Seconds() > most+1 {
			t.Errorf("after %v s: %s: want %.0f to %.0f s", spent, line, least, most)
		}
		if i == len(lines)-1 && percent < 90 {
			t.Errorf("at the end: %s", line)
		}
	}
	// Each 30 s only.
	if n := strings.Count(run(t, &Meter{}, 7*time.Second, path), "\n"); n != 39/5 {
		t.Errorf("%d lines in 273 s", n)
	}
	if out := run(t, &Meter{Quiet: true}, time.Minute, path); out != "" {
		t.Errorf("quiet: %q", out)
	}
}

// TestMeterCountsFilesThatAreOver: of two files, one after the other, the second begins at half.
func TestMeterCountsFilesThatAreOver(t *testing.T) {
	one, two := file(t, 20000, false), file(t, 20000, false, time.Hour)
	lines := strings.Split(strings.TrimSpace(run(t, &Meter{}, time.Minute, one, two)), "\n")
	if last := lines[len(lines)-1]; !regexp.MustCompile(`: (9\d|100) %, `).MatchString(last) {
		t.Errorf("at the end: %s", last)
	}
}

func TestMeterOnATerminal(t *testing.T) {
	out := run(t, &Meter{Columns: 40}, time.Second, file(t, 5000, false))
	draws := strings.Split(out, "\r\x1b[K")
	if len(draws) != 6 || draws[0] != "" || draws[5] != "" || strings.Contains(out, "\n") {
		t.Fatalf("%q", draws)
	}
	for _, d := range draws[1:5] {
		if len(d) != 39 || !strings.Contains(d, " s left: ") {
			t.Errorf("%q", d)
		}
	}
}

func TestMeterOfCompressedFiles(t *testing.T) {
	out := run(t, &Meter{}, time.Minute, file(t, 5000, true), file(t, 5000, false))
	if strings.Count(out, " % ") != 0 || strings.Count(out, " %, ") != 9 {
		t.Error(out)
	}
}

// TestMeterOfAPipe: nobody knows how long a pipe is.
func TestMeterOfAPipe(t *testing.T) {
	text, err := os.ReadFile(file(t, 3000, false))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	at := time.Unix(0, 0)
	m := &Meter{W: &out, now: func() time.Time { at = at.Add(time.Minute); return at }}
	source, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	for range m.Batches(context.Background(), source) {
	}
	if strings.Contains(out.String(), "%") || strings.Count(out.String(), "\n") != 2 {
		t.Error(out.String())
	}
}

func TestAbout(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", 59400 * time.Millisecond: "59 s", 59600 * time.Millisecond: "1 min 00 s", 3599 * time.Second: "59 min 59 s", 2*time.Hour + 5*time.Minute + 59*time.Second: "2 h 05 min"} {
		if got := about(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
