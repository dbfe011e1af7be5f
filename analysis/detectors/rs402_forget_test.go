package detectors

import (
	"fmt"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// TestRetransmissionsAreForgotten: connections that retransmitted and are over have no place among those that are followed: however
// many there are, the limit is not reached.
func TestRetransmissionsAreForgotten(t *testing.T) {
	var b strings.Builder
	b.WriteString("host app 10.0.0.1\nhost redis 10.0.0.2\n")
	const n = 40
	for i := range n {
		fmt.Fprintf(&b, "conn c%d app:%d -> redis:6379\n", i, 42000+i)
	}
	for i := range n {
		fmt.Fprintf(&b, "%d c%d > GET a => $1\n%d.5 c%d > FIN\n+1ms c%d < FIN\n", i+1, i, i+1, i, i)
	}
	s, err := scenario.Parse("resent", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	run := analysis.NewRun(nil)
	w := &resending{conns: map[int64]*resends{}}
	open := 0
	for event, err := range run.Events(reassembly.Segments(s.Packets(), nil)) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := event.(type) {
		case *analysis.Opened:
			w.conns[e.Session.ID] = &resends{}
			open++
		case *analysis.ConnSummary:
			w.retired(e)
		}
	}
	if open != n || len(w.conns) > 0 {
		t.Errorf("%d connections, %d of them still followed", open, len(w.conns))
	}
}
