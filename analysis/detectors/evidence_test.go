package detectors_test

import (
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// TestExamplesNameTheirFile: evidence that names frames says of which file they are, and no name of a command without a key
// leaves a gap in a sentence.
func TestExamplesNameTheirFile(t *testing.T) {
	for _, name := range []string{"01a_small.pcap", "02a_redispy451_asyncio_cancel.pcap", "01f_jedis262_timeouts_only.pcap", "03a_jedispool_leak_4s.pcap"} {
		src, err := capture.Open([]string{testcap.Path(t, name)}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		run := analysis.NewRun(&analysis.Options{FileName: func(int32) string { return name }})
		examples := 0
		for f, err := range run.Detect(run.Events(reassembly.New(reassembly.Options{}).Segments(src.Packets())), detectors.All()) {
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range f.Examples {
				examples++
				if len(e.Frames) > 0 && e.File != name {
					t.Errorf("%s: an example of %s has frames %v of file %q", name, f.Rule, e.Frames, e.File)
				}
				for _, fact := range e.Facts {
					if strings.Contains(fact, "  ") {
						t.Errorf("%s: %s says %q", name, f.Rule, fact)
					}
				}
			}
		}
		if examples == 0 {
			t.Errorf("%s gave no example", name)
		}
		src.Close()
	}
}
