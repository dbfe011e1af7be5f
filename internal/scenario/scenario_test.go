package scenario

import (
	"os"
	"testing"
)

// TestPrint writes the capture of a scenario named by an environment variable, for looking at it with other tools.
func TestPrint(t *testing.T) {
	name := os.Getenv("SCENARIO")
	if name == "" {
		t.Skip("SCENARIO names no file")
	}
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range tshark(t, "-n", "-r", writePcap(t, s.List())) {
		t.Log(l)
	}
	t.Logf("%+v", s.Wants)
}
