package analysis_test

import (
	"iter"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// detect runs all rules over a real capture. A live run is told the time once a second.
func detect(t *testing.T, name string, live bool) (early, final []incident.Finding) {
	t.Helper()
	src, err := capture.Open([]string{testcap.Path(t, name)}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	run := analysis.NewRun(&analysis.Options{Live: live})
	segments := reassembly.Segments(ticking(src.Packets(), run), nil)
	for f, err := range run.Detect(run.Events(segments), detectors.All()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Early != nil {
			early = append(early, f)
		} else {
			final = append(final, f)
		}
	}
	return early, final
}

func ticking(packets iter.Seq2[capture.Packet, error], run *analysis.Run) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		var next capture.Time
		for p, err := range packets {
			if err == nil && p.Time >= next {
				next = p.Time.Add(time.Second)
				if run.Tick(p.Time - 1); !yield(capture.Packet{Time: p.Time - 1}, nil) {
					return
				}
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// TestLiveTakesNothingBack holds what is told early against what stands at the end, and the end against the run that
// knew everything before it judged.
func TestLiveTakesNothingBack(t *testing.T) {
	early, live := detect(t, "01a_small.pcap", true)
	none, whole := detect(t, "01a_small.pcap", false)
	if len(none) > 0 {
		t.Errorf("%d early findings of a run that is not live", len(none))
	}
	last := map[string]incident.Finding{}
	for _, f := range live {
		last[f.Fingerprint] = f
	}
	known := map[string]incident.Finding{}
	for _, f := range whole {
		known[f.Fingerprint] = f
	}
	told := map[string]bool{}
	for _, f := range early {
		l, ok := last[f.Fingerprint]
		if !ok {
			t.Errorf("%s %s was told early and is gone at the end", f.Rule, f.Fingerprint)
			continue
		}
		if f.Count > l.Count || f.Severity > l.Severity || f.Confidence > l.Confidence || f.Connections > l.Connections {
			t.Errorf("%s %s shrank: %d on %d, %v, %v; then %d on %d, %v, %v", f.Rule, f.Fingerprint,
				f.Count, f.Connections, f.Severity, f.Confidence, l.Count, l.Connections, l.Severity, l.Confidence)
		}
		told[f.Rule] = true
	}
	for _, rule := range []string{"RS101", "RS103"} {
		if !told[rule] {
			t.Errorf("%s was not told early", rule)
		}
	}
	for fp, l := range last {
		w, ok := known[fp]
		if !ok && l.Confidence >= pairing.Likely {
			t.Errorf("%s %s: only the live run has it: %s", l.Rule, fp, l.Title)
		}
		if l.Rule == "RS101" && (l.Count > w.Count || l.Connections > w.Connections) {
			t.Errorf("RS101 live: %d on %d connections; knowing all: %d on %d", l.Count, l.Connections, w.Count, w.Connections)
		}
	}
	for fp, w := range known {
		if l := last[fp]; (w.Rule == "RS101" || w.Rule == "RS103") && l.Count*2 < w.Count {
			t.Errorf("%s: the live run has %d of %d", w.Rule, l.Count, w.Count)
		}
		t.Logf("%s: live %d on %d, whole %d on %d", w.Rule, last[fp].Count, last[fp].Connections, w.Count, w.Connections)
	}
}
