package detectors_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
)

// TestEveryParameterMatters gives each parameter of each rule a value far below and far above its default. On some
// scenario of the rule one of them must change what the rule finds: a parameter that nothing reads is a lie in the help.
func TestEveryParameterMatters(t *testing.T) {
	for _, d := range detectors.All() {
		for _, p := range d.Params {
			name := strings.ToLower(d.ID) + "." + p.Name
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				files, err := filepath.Glob("../../testdata/scenarios/" + strings.ToLower(d.ID) + "/*.txt")
				if err != nil || len(files) == 0 {
					t.Fatalf("no scenarios: %v", err)
				}
				for _, value := range extremes(t, p) {
					if err := p.Check(value); err != nil {
						t.Fatalf("%s: %v", value, err)
					}
					for _, file := range files {
						s := load(t, file)
						plain, set := optionsOf(t, s), optionsOf(t, s)
						set.Params = map[string]string{name: value}
						if a, b := shown(inspect(t, s.Packets(), plain), d.ID), shown(inspect(t, s.Packets(), set), d.ID); a != b {
							t.Logf("%s changes %s", value, filepath.Base(file))
							return
						}
					}
				}
				t.Error("no value changes anything")
			})
		}
	}
}

// extremes returns values far from a parameter's default on both sides.
func extremes(t *testing.T, p incident.Param) []string {
	if strings.HasSuffix(p.Default, "%") {
		return []string{"100%", "0.001%"}
	}
	if _, err := strconv.Atoi(p.Default); err == nil {
		return []string{"100000", "1"}
	}
	return []string{time.Duration(10_000 * time.Hour).String(), "1ns"}
}

// shown is what a rule says: how often, how surely, and with what evidence.
func shown(r result, rule string) string {
	var b strings.Builder
	for _, f := range r.findings {
		if f.Rule == rule {
			fmt.Fprintf(&b, "%d of %s %s; ", f.Count, f.Severity, f.Confidence)
			for _, e := range f.Examples {
				fmt.Fprintf(&b, "%q; ", e.Facts)
			}
		}
	}
	return b.String()
}

// TestParameterCheck holds what counts as a value.
func TestParameterCheck(t *testing.T) {
	for _, tc := range []struct {
		standard, value string
		good            bool
	}{
		{"1%", "5%", true}, {"1%", "5", false}, {"1%", "0%", false}, {"1%", "101%", false},
		{"3", "4", true}, {"3", "0", false}, {"3", "-1", false}, {"3", "2s", false},
		{"2s", "300ms", true}, {"2s", "300", false}, {"2s", "-1s", false}, {"max(10ms, 3 %)", "5ms", true}, {"max(10ms, 3 %)", "5%", false},
	} {
		if err := (incident.Param{Default: tc.standard}).Check(tc.value); (err == nil) != tc.good {
			t.Errorf("%s for %s: %v", tc.value, tc.standard, err)
		}
	}
}
