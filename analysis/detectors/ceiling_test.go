package detectors_test

import (
	"path/filepath"
	"testing"

	"github.com/respsniff/respsniff/analysis/pairing"
)

// ceilings are the scenarios in which something is to be reported, but not too surely.
var ceilings = []struct {
	scenario string
	rules    []string
	most     pairing.Confidence
}{
	{"rs101/fires_out_of_step", []string{"RS101", "RS103"}, pairing.Likely},
}

// TestCeilings looks that what rests on an assumption is not reported more surely than it.
func TestCeilings(t *testing.T) {
	for _, c := range ceilings {
		s := load(t, filepath.Join("../../testdata/scenarios", c.scenario+".txt"))
		for _, f := range inspect(t, s.Packets(), optionsOf(t, s)).findings {
			for _, rule := range c.rules {
				if f.Rule == rule && f.Confidence > c.most {
					t.Errorf("%s: %s is %s, want at most %s", c.scenario, rule, f.Confidence, c.most)
				}
			}
		}
	}
}
