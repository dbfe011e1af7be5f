package formats

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var sampleStart = capture.TimeOf(time.Date(2026, 11, 21, 19, 24, 21, 293321000, time.UTC))

// saved reads a sample of package report.
func saved(t *testing.T, name string) *report.Document {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", name+".json"))
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

// sample is a run with a stall that led to a dirty reuse, a harmless finding, and a lossy capture.
func sample(t *testing.T) *report.Document { return saved(t, "sample") }

// sampleSeries has something for each figure.
func sampleSeries() *report.Series {
	at := func(seconds int) report.Stamp {
		return report.Stamp(sampleStart.Add(time.Duration(seconds) * time.Second))
	}
	return &report.Series{
		Owed:    []report.OwedSeries{{Conn: 412, Client: "a", Server: "b", Points: []report.OwedPoint{{Time: at(0), Owed: 1}, {Time: at(1), Owed: 2}}}},
		Open:    []report.OpenSeries{{Client: "a", Points: []report.OpenPoint{{Time: at(0), Open: 1}, {Time: at(1), Open: 2}}}},
		Latency: []report.LatencySeries{{Client: "a", BoundsUS: []int64{0, 10}, Counts: []int64{3, 4}, ReadTimeoutMS: []float64{0.015}}},
	}
}

// TestGolden holds the formats that package report does not write.
func TestGolden(t *testing.T) {
	for _, name := range []string{"sample", "healthy"} {
		for _, f := range []report.Format{report.JUnit, report.GitHub, report.Markdown, report.SARIF, report.CSV} {
			t.Run(name+"."+string(f), func(t *testing.T) {
				var b bytes.Buffer
				if err := Write(&b, f, saved(t, name), report.Options{}); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join("testdata", name+"."+string(f))
				if *update {
					if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), b.String()); diff != "" {
					t.Errorf("%s (-want +got):\n%s\nto accept: go test ./internal/report/formats -run '%s' -update", path, diff, t.Name())
				}
			})
		}
	}
}

// TestAddressesAreMasked: no format shows an address that a mask hides.
func TestAddressesAreMasked(t *testing.T) {
	d := sample(t)
	d.Doubts = []report.Doubt{{Why: "198.18.0.2 waits", Decide: "--policy 198.18.0.2=lockstep"}}
	report.Mask{Addresses: true}.Document(d)
	for _, format := range report.Formats {
		var out bytes.Buffer
		if err := Write(&out, format, d, report.Options{All: true}); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"198.18.0.2", "198.18.0.11"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s: %s is shown", format, secret)
			}
		}
	}
}
