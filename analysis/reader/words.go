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

// accusation bounds a word by the positive evidence on the connection, with what the others of its population say of it, or,
// twice that, in the population. each is what the connections add to what the others say of them, or this one alone: many of
// which none shows anything by itself agree easily.
func accusation(w Word, gain, whole, each float64) Word {
	switch g := min(max(gain, whole/2), each); {
	case g < hint:
		return min(w, Possible)
	case g < positive:
		return min(w, Likely)
	}
	return w
}

// Doubts are facts about a connection by which its verdicts are less sure than what was seen makes them.
type Doubts struct {
	CutCommands bool // packets that were cut short hide how many commands were written
	Together    bool // its client is known to share connections, or not to wait for replies
	Lossy       bool // packets, or parts of them, are not in the capture
	Sealed      bool // nothing of it can be read: how many commands a write holds, and which replies came, is not seen
}

// bound bounds the word of a row.
func (d *Doubts) bound(r *Row) {
	own := r.Got == Read && r.Reply == r.Index
	switch {
	case d.CutCommands, d.Sealed && !own && r.Got != Nothing:
		r.Word = min(r.Word, Possible)
	case !own && d.Together:
		r.Word = min(r.Word, Possible) // who is known to share a connection, or not to wait, is not accused of what times suggest
	case d.Lossy, d.Sealed:
		r.Word = min(r.Word, Likely) // a packet that is not there may have told otherwise
	}
}

// bounded bounds the words of all rows by what is known of the connection and of their commands.
func bounded(o *Options, c *Conn, rows []Row) {
	var d Doubts
	if o.Doubts != nil {
		d = o.Doubts(c)
	}
	for i := range rows {
		row := &rows[i]
		d.bound(row)
		if at := row.Index - 1 - c.base; at >= 0 && int(at) < len(c.commands) && c.commands[at].flags&Drains != 0 {
			row.Word = min(row.Word, Likely) // that it reads on until its own reply comes is the habit of a library
		}
	}
}
