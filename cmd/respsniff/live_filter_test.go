package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/scenario"
)

// TestEarlyFindingsOfChosenConnections: --client lets findings about its connections through while they are still open.
func TestEarlyFindingsOfChosenConnections(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/scenarios/rs302/fires_same_address.txt")
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse("live", raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		client string
		want   bool
	}{{"10.0.0.1", true}, {"10.0.0.9", false}} {
		o := &liveOptions{}
		o.analyze.filter.clients = []string{tc.client}
		if err := o.analyze.filter.check(time.UTC); err != nil {
			t.Fatal(err)
		}
		if err := o.analyze.filter.begin(0); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		l := &liveRun{o: o, app: &app{stdout: &out, stderr: &out}, kept: map[string]*analysis.Finding{}, told: map[string]bool{}}
		l.analyse(t.Context(), s.Packets(), analysis.Options{})
		if early := len(l.told) > 0; early != tc.want {
			t.Errorf("--client %s: told early %v, want %v", tc.client, early, tc.want)
		}
	}
}
