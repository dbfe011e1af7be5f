package house

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// TestGuideStatesTheBounds holds the table of docs/captures.md against the constants.
func TestGuideStatesTheBounds(t *testing.T) {
	want := map[string]any{
		"reassembly.DefaultMaxConns":       reassembly.DefaultMaxConns,
		"reassembly.DefaultReorderWindow":  reassembly.DefaultReorderWindow,
		"reassembly.DefaultReorderPackets": reassembly.DefaultReorderPackets,
		"reassembly.DefaultHoleTimeout":    reassembly.DefaultHoleTimeout,
		"reassembly.DefaultMaxHoleBytes":   reassembly.DefaultMaxHoleBytes,
		"reassembly.DefaultMaxHolePackets": reassembly.DefaultMaxHolePackets,
		"reassembly.DefaultMaxBuffered":    reassembly.DefaultMaxBuffered,
		"capture.DefaultMaxDecompressed":   int64(capture.DefaultMaxDecompressed),
		"resp.MaxDepth":                    resp.MaxDepth,
		"resp.MaxBulk":                     int64(resp.MaxBulk),
		"resp.MaxArgs":                     resp.MaxArgs,
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z]+\\.[A-Za-z]+)` \\| (\\S+) \\|").FindAllStringSubmatch(readPage(t, "docs/captures.md").text, -1)
	for _, row := range rows {
		value, ok := want[row[1]]
		if !ok {
			t.Errorf("docs/captures.md states %s, which this test does not know", row[1])
		} else if got := fmt.Sprint(value); got != row[2] {
			t.Errorf("docs/captures.md says %s is %s, it is %s", row[1], row[2], got)
		}
		delete(want, row[1])
	}
	for name := range want {
		t.Errorf("docs/captures.md does not state %s", name)
	}
}
