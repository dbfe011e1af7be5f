package detectors

import (
	"strings"
	"testing"
)

func TestSelect(t *testing.T) {
	for word, want := range map[string]string{
		"RS101": "RS101", "rs101": "RS101", "dirty-reuse": "RS101", "Dirty-Reuse": "RS101", "rs90": "RS901 RS902 RS903 RS904 RS905 RS906 RS907 RS908",
		"RS3": "RS301 RS302 RS303 RS304 RS305 RS306 RS307 RS308 RS309",
	} {
		ds, err := Select(word)
		var ids []string
		for _, d := range ds {
			ids = append(ids, d.ID)
		}
		if got := strings.Join(ids, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", word, got, err, want)
		}
	}
	for word, says := range map[string]string{
		"dirty-resue": "did you mean RS101 dirty-reuse?", "drity-reuse": "RS101", "RS1O1": "did you mean RS101", "moved storm": "RS301 moved-storm", "OFFBYK": "RS103",
		"stall": "RS401", "RS999": "lists them", "": "lists them", "x": "lists them", strings.Repeat("dirty-reuse", 9): "lists them",
	} {
		if ds, err := Select(word); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %d rules, %v, want an error that says %q", word, len(ds), err, says)
		}
	}
}

func TestNamed(t *testing.T) {
	for _, word := range []string{"RS401", "rs401", "server-stall", "SERVER-STALL"} {
		if d, err := Named(word); err != nil || d.ID != "RS401" {
			t.Errorf("%s: %v", word, err)
		}
	}
	if _, err := Named("RS4"); err == nil {
		t.Error("RS4 is one rule")
	}
}
