package commands

import (
	"encoding/binary"
	"strings"
)

// A name of minWord to maxWord letters fits a word. All but a few in use do.
const (
	minWord = 3
	maxWord = 8
)

// upperWord returns b, of minWord to maxWord bytes, as a little-endian number with the bit that tells lower case from
// upper case cleared in every byte. It changes bytes that are no letters too, so that it finds names made of letters only.
func upperWord(b []byte) (w uint64) {
	if n := len(b); n == minWord {
		w = uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16
	} else {
		w = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4)&63)
	}
	return w &^ 0x2020202020202020
}

// wordSlot is an entry of wordIndex.
type wordSlot struct {
	word      uint64
	id        uint16 // of the command; 0: empty
	size      uint8  // bytes of the name: a shorter one with zero bytes behind it is another name
	container bool   // a subcommand may follow
}

// wordSlots is the size of wordIndex, a power of two.
const wordSlots = 1 << wordBits

const wordBits = 11

// wordIndex finds commands and containers of minWord to maxWord letters with a multiplication, a load and a comparison. For
// letters A to Z upperWord is exact: no other bytes but those of the two cases come out as them. No two names share a
// place; if they did, the second would not be here and was found by the full comparison.
var wordIndex = indexWords(wordFactor)

func indexWords(factor uint64) (slots [wordSlots]wordSlot) {
	for i := range commandTable {
		name := commandTable[i].Name
		if len(name) < minWord || len(name) > maxWord || strings.ContainsFunc(name, func(c rune) bool { return c < 'A' || c > 'Z' }) {
			continue
		}
		w := upperWord([]byte(name))
		if s := &slots[wordPlace(w, factor)]; s.id == 0 {
			*s = wordSlot{w, uint16(i + 1), uint8(len(name)), commandTable[i].Flags&Container != 0}
		}
	}
	return slots
}

// wordFactor was found by trying random ones, one of about 2000 does; TestWordFactor finds another.
const wordFactor = 0xc2755fdd93174429

func wordPlace(w, factor uint64) uint64 { return w * factor >> (64 - wordBits) }
