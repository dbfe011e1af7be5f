package desync

import (
	"testing"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
)

// A word of the reader is taken over by its number.
func TestConfidenceIsTheReadersWord(t *testing.T) {
	for w := reader.Possible; w <= reader.Proven; w++ {
		if c := pairing.Confidence(w); c.String() != w.String() {
			t.Errorf("%v is taken for %v", w, c)
		}
	}
	if pairing.Confidence(reader.Unknown) != pairing.Suppressed {
		t.Error("nobody can tell, and yet something is said")
	}
}
