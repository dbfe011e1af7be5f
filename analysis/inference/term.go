package inference

import "math"

var inf = math.Inf(1)

// Term names one kind of evidence, or one assumption, that tests can leave out.
type Term uint8

// The evidence.
const (
	TermPatience  Term = iota // how long its caller waited, against how long callers wait
	TermThink                 // how soon after having a reply the client went on
	TermTooSoon               // a write sooner than a reply can have come; replies are owed only after something seen
	TermPause                 // the client was not running while it "waited", or was busy with other connections
	TermGaps                  // clients with many callers on a connection exist at all
	TermActs                  // what was done after a give-up: closed, or written to
	TermChecks                // unread bytes lay there when the connection was used again
	TermEnds                  // closes after another's reply
	TermContent               // a batch that is not read on after a reply that cannot be its own
	TermHeldBack              // commands that are held back until the reader's memory is empty
	TermLibrary               // what is known of the client beside its traffic
	TermOwnWait               // the patience of a connection itself, against its population's
	TermPure                  // most populations are one kind of reader
	TermBound                 // weak evidence does not add up without limit
	TermLoss                  // lost bytes make the reader's place uncertain
	TermMidstream             // a connection that began before the capture may be behind
	TermIgnorance             // what is not known of patience weighs against "read its own"
	TermTurns                 // callers that never met, though independent ones would have
	TermBeats                 // writes by a clock, whether a reply came or not
	TermCallers               // callers of a shared connection that wait for a reply write nothing
	NumTerms      = iota
)

var termNames = [NumTerms]string{
	"patience", "think time", "too soon", "pause", "gaps", "acts", "checks", "ends", "content", "held back", "library", "own patience",
	"pure populations", "bounds", "loss", "midstream", "ignorance", "turns", "beats", "callers",
}

// String names the term in tables.
func (t Term) String() string { return termNames[t] }

// Terms is a set of terms.
type Terms uint32

// Has reports whether t is in the set.
func (s Terms) Has(t Term) bool { return s>>t&1 == 1 }

// With returns the set with t.
func (s Terms) With(t Term) Terms { return s | 1<<t }
