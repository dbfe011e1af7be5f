package desync

import (
	"testing"

	"github.com/respsniff/respsniff/analysis/pairing"
)

// TestPushesAreNotMissing: a reply that follows a push begins where the reply before it ended, and bytes that are missing beside the
// push stay missing.
func TestPushesAreNotMissing(t *testing.T) {
	for _, c := range []struct {
		what        string
		push        pairing.ReplyInfo
		start, want int64
	}{
		{"a push", pairing.ReplyInfo{Start: 100, End: 150}, 150, 100},
		{"a push and 30 bytes that are missing", pairing.ReplyInfo{Start: 100, End: 150}, 180, 130},
		{"a push whose framing was guessed", pairing.ReplyInfo{Start: 100, End: 150, Resynced: true}, 150, 150},
	} {
		callers := &Callers{}
		callers.edges[pairing.RoleServer].end = 100
		callers.Pushed(&c.push)
		if got := callers.edges[pairing.RoleServer].start(c.start, c.start+20); got != c.want {
			t.Errorf("%s: the reply begins at %d, want %d", c.what, got, c.want)
		}
	}
}
