package detectors_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// TestLeaksBehindResets looks that connections which were reset do not hide one that was lost after them.
func TestLeaksBehindResets(t *testing.T) {
	const resets = 5000
	var warm, before strings.Builder
	warm.WriteString("host app 10.0.0.1\nhost redis 10.0.0.2\n")
	warm.WriteString("conn w app:40000 -> redis:6379\nrepeat 210 every 2ms { w > GET warm{i} => $v{i} }\n")
	before.WriteString(warm.String())
	for i := range resets {
		fmt.Fprintf(&before, "conn r%d app:%d -> redis:6379\n%.4f r%[1]d > GET k%[1]d => $v\n+1ms r%[1]d > RST\n", i, 10000+i, 1+float64(i)/1000)
	}
	poisoned, err := os.ReadFile("../../testdata/scenarios/rs201/fires_poisoned_borrower.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		want       pairing.Confidence
	}{
		{"CLOSE_WAIT", "conn c1 app:42000 -> redis:6379\n10 c1 > GET a => nil\n+1ms c1 > PING => +PONG\n70.5 c1 < FIN\n120 w > PING => +PONG\n", pairing.Strong},
		// The last reset is of a connection whose caller had read another command's reply.
		{"poisoned", later(t, string(poisoned), 10), pairing.Likely},
	} {
		s, err := scenario.Parse(c.name, []byte(before.String()+c.text))
		if err != nil {
			t.Fatal(err)
		}
		o := optionsOf(t, s)
		run := analysis.NewRun(&o)
		var found []incident.Finding
		events := run.Events(reassembly.New(reassembly.Options{}).Segments(s.Packets()))
		for f, err := range run.Detect(events, []*analysis.Detector{detectors.ConnectionLeak()}) {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, f)
		}
		if len(found) != 1 || found[0].Count != 1 || found[0].Confidence != c.want {
			t.Errorf("%s behind %d resets: %d findings", c.name, resets, len(found))
			continue
		}
		if e := found[0].Examples; len(e) != 1 || e[0].Client != netip.MustParseAddrPort("10.0.0.1:42000") {
			t.Errorf("%s: the example is another connection", c.name)
		}
		if reached := run.Bounds().Reached(); len(reached) > 0 {
			t.Errorf("%s: limits reached: %v", c.name, reached)
		}
	}
}

// later moves a scenario's conversation behind its warm-up by some seconds.
func later(t *testing.T, text string, by int) string {
	t.Helper()
	_, text, ok := strings.Cut(text, "repeat 3 {")
	if !ok {
		t.Fatal("the scenario has changed")
	}
	text = "read-timeout 10.0.0.1=300ms\nrepeat 3 {" + text
	for _, at := range []string{"1.0 ", "9.0 ", "9.1 "} {
		if !strings.Contains(text, "\n"+at) {
			t.Fatalf("the scenario has no statement at %s", at)
		}
		text = strings.Replace(text, "\n"+at, fmt.Sprintf("\n%d", by)+at, 1)
	}
	return text
}
