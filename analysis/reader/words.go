package reader

import "math"

// Word says how sure a belief is.
type Word uint8

// Words, weakest first.
const (
	Unknown  Word = iota // nobody can tell
	Possible             // from 0.55
	Likely               // from 0.8
	Strong               // from 0.97, with positive evidence
	Proven               // a fact
)

var wordNames = [...]string{"unknown", "possible", "likely", "strong", "proven"}

// String returns the word that every output uses.
func (w Word) String() string { return wordNames[w] }

// thresholds are the one table by which a posterior becomes a word.
var thresholds = [...]struct {
	least float64
	word  Word
}{{0.97, Strong}, {0.8, Likely}, {0.55, Possible}}

// WordOf returns the word of a posterior.
func WordOf(posterior float64) Word {
	for _, t := range thresholds {
		if posterior >= t.least {
			return t.word
		}
	}
	return Unknown
}

// positive is the evidence, in nats, from which on an accusation may be strong: something that no healthy kind explains
// with a chance of 1 %. From hint on, a chance of 3 %, it may be likely: where packets cannot tell a reader from memory
// from a multiplexer it is possible at most.
var positive, hint = math.Log(100), math.Log(30)

// accusation bounds a word by the positive evidence on the connection, or, twice that, in its population.
func accusation(w Word, gain, whole float64) Word {
	switch g := max(gain, whole/2); {
	case g < hint:
		return min(w, Possible)
	case g < positive:
		return min(w, Likely)
	}
	return w
}
