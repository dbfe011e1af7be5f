package detectors_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/reassembly"
)

// TestForRulesFindsTheSame: a run that does not emit what no rule asks for finds what the others find.
func TestForRulesFindsTheSame(t *testing.T) {
	for _, path := range scenarios(t) {
		s := load(t, path)
		var found [2]string
		for i := range found {
			run := analysis.NewRun(new(optionsOf(t, s)))
			events := 0
			if i == 1 {
				run.ForRules()
			}
			var findings []incident.Finding
			source := run.Events(reassembly.Segments(s.Packets(), nil))
			for f, err := range run.Detect(func(yield func(pairing.Event, error) bool) {
				for e, err := range source {
					switch e := e.(type) {
					case *analysis.Sent, *pairing.Exchange, *analysis.Answered:
						if a, ok := e.(*analysis.Answered); !ok || !a.Exchange.Serves.IsError() {
							events++
						}
					}
					if !yield(e, err) {
						return
					}
				}
			}, detectors.All()) {
				if err != nil {
					t.Fatal(err)
				}
				findings = append(findings, f)
			}
			for k := range findings {
				findings[k].Remedy = "" // the same words, made for each
			}
			text, err := json.Marshal(findings)
			if err != nil {
				t.Fatal(err)
			}
			found[i] = string(text)
			if commands := run.Summary().Commands; i == 1 && commands > 1000 && events > int(commands)/2 {
				t.Errorf("%s: %d events for %d commands", filepath.Base(path), events, commands)
			}
		}
		if found[0] != found[1] {
			t.Errorf("%s:\n%s\nfor rules alone:\n%s", filepath.Base(path), found[0], found[1])
		}
	}
}
