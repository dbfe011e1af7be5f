package analysis_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// TestEndlessPipeline writes commands for ever: first without any reply, then with replies that contradict. What is
// kept stays bounded, and the work a command is constant.
func TestEndlessPipeline(t *testing.T) {
	for _, reply := range []string{"", "c < :1 | +PONG", "c < raw \"\\x00\""} {
		var text strings.Builder
		text.WriteString("host app 10.0.0.1\nhost redis 10.0.0.2\nconn c app:40000 -> redis:6379\n")
		batch := strings.TrimSuffix(strings.Repeat("GET a | INCR b | ", 100), " | ")
		for range 150 {
			fmt.Fprintf(&text, "+1ms c > %s\n%s\n", batch, reply)
		}
		s, err := scenario.Parse("endless", []byte(text.String()))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for e, err := range analysis.NewRun(nil).Events(reassembly.New(reassembly.Options{}).Segments(s.Packets())) {
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := e.(*pairing.Exchange); ok {
				n++
			}
		}
		if n != 150*200 {
			t.Errorf("%q: %d exchanges, want %d", reply, n, 150*200)
		}
	}
}
