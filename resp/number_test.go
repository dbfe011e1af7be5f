package resp

import (
	"encoding/binary"
	"testing"
)

// short reads what header reads, where that takes at most four bytes.
func TestShort(t *testing.T) {
	const bytes = "0123456789\r\n-+/: \x00\xff"
	n := len(bytes)
	for i := range n * n * n * n {
		b := []byte{bytes[i%n], bytes[i/n%n], bytes[i/n/n%n], bytes[i/n/n/n]}
		want, used := header(b)
		if used > 0 {
			used++ // the type byte
		}
		if got, gotUsed := short(binary.LittleEndian.Uint32(b)); got != want || gotUsed != used {
			t.Fatalf("%q: %d in %d bytes, want %d in %d", b, got, gotUsed, want, used)
		}
	}
}
