// Package snippet keeps the beginning of a text from the wire in place, without memory of its own.
package snippet

// Snippet is the first 64 bytes of a text.
type Snippet struct {
	n    uint8
	full int32
	buf  [64]byte
}

// Set stores the beginning of b; length is that of the whole text.
func (s *Snippet) Set(b []byte, length int) {
	s.n = uint8(copy(s.buf[:], b))
	s.full = int32(min(length, 1<<31-1))
}

// Clear empties it. The bytes stay, which nothing counts.
func (s *Snippet) Clear() { s.n, s.full = 0, 0 }

// Len returns the length of the whole text.
func (s *Snippet) Len() int { return int(s.full) }

// Whole reports whether nothing was cut off.
func (s *Snippet) Whole() bool { return int(s.n) == int(s.full) }

// Raw returns the stored bytes, borrowed from s.
func (s *Snippet) Raw() []byte { return s.buf[:s.n] }
