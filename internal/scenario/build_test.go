package scenario

import (
	"bytes"
	"testing"
)

// TestBuiltFramesAreWhatEditingMakes takes frames apart and puts them together unchanged. Their lengths and checksums are
// gopacket's first and of this package's own code then, and no frame is padded.
func TestBuiltFramesAreWhatEditingMakes(t *testing.T) {
	for _, link := range Links() {
		for _, p := range mustParse(t, "link "+link+"\n"+everything).List() {
			f, ok := parseFrame(p)
			if !ok {
				t.Fatalf("%s: frame %d is no TCP packet: %x", link, p.Frame, p.Data)
			}
			if again := f.packet(); !bytes.Equal(again.Data, p.Data) || again.Length != p.Length {
				t.Errorf("%s: frame %d: built as\n%.200x, edited to\n%.200x", link, p.Frame, p.Data, again.Data)
			}
		}
	}
}
