package client

// Kind is what a client does with a reply whose caller has stopped waiting for it.
type Kind uint8

// The kinds of reader.
const (
	Closes    Kind = iota // the connection is closed when a caller gives up
	Keeps                 // the reply stays unread: the next caller reads the oldest unread one
	Checks                // as Keeps, but unread bytes are looked for before use, and then the connection is closed
	Discards              // its waiter stays and takes it: the next caller reads its own
	Forgets               // its waiter is gone: whoever waits when it comes reads it, and nobody if nobody does
	Shares                // many callers at once: no turn-taking to infer from
	HoldsBack             // as Keeps, and a command is written only when the reader's own memory is empty (hiredis)
	NumKinds  = 7
)

var kindNames = [NumKinds]string{"closes", "keeps", "checks", "discards", "forgets", "shares", "holds back"}

// String returns the word that outputs use.
func (k Kind) String() string { return kindNames[k] }

// Healthy reports whether a reader of this kind always reads its own reply.
func (k Kind) Healthy() bool { return k == Closes || k == Discards || k == Shares }

// KindWeights are what is known of a client's kind beside its traffic: 1 changes nothing, 0 excludes a kind.
type KindWeights [NumKinds]float64

// Excludes reports whether some kind is excluded: it is known what library it is.
func (w *KindWeights) Excludes() bool {
	for _, x := range w {
		if x <= unlikely {
			return true
		}
	}
	return false
}

// What is known may be wrong: a fork of the library, a proxy that passes a name on. A user who says it looked into the
// program.
const (
	unlikely = 1e-3
	excluded = 1e-9
)

// TakesTurns are the weights of a library whose connections have one caller at a time: nobody is left to take the reply of
// a caller that has gone.
var TakesTurns = KindWeights{Closes: 1, Keeps: 1, Checks: 1, HoldsBack: 1, Discards: unlikely, Forgets: unlikely, Shares: unlikely}

// TurnsStated are those of a client of which the user says so: each call takes the next reply.
var TurnsStated = KindWeights{Closes: 1, Keeps: 1, Checks: 1, HoldsBack: 1, Discards: excluded, Forgets: excluded, Shares: excluded}

// MayTakeTurns are the weights of a client that closes its connections as such a library does.
var MayTakeTurns = KindWeights{Closes: 1, Keeps: 1, Checks: 1, HoldsBack: 1, Discards: 0.02, Forgets: 0.02, Shares: 0.02}

// Multiplexes are the weights of a library that hands a connection to many callers.
var Multiplexes = KindWeights{Discards: 1, Shares: 1, Forgets: 0.1, Closes: unlikely, Keeps: unlikely, Checks: unlikely, HoldsBack: unlikely}

// SharesStated are those of a client of which the user says so.
var SharesStated = KindWeights{Discards: 1, Shares: 1, Forgets: 0.1, Closes: excluded, Keeps: excluded, Checks: excluded, HoldsBack: excluded}

// Family groups the kinds that are fitted together. What is learned from a connection depends on which reply its callers
// read, so that one set of parameters locks onto whichever kind wins first: each family fits its own as if it were the
// true one, and they are compared afterwards.
type Family uint8

// The families.
const (
	Unread      Family = iota // Closes, Keeps, Checks, HoldsBack: what nobody read stays in the stream
	Dropped                   // Discards, Forgets: what nobody read is taken out of it
	Shared                    // Shares
	NumFamilies = 3
)

// Family returns the family of a kind.
func (k Kind) Family() Family {
	switch k {
	case Closes, Keeps, Checks, HoldsBack:
		return Unread
	case Discards, Forgets:
		return Dropped
	}
	return Shared
}

// Prior is how many connections of each kind are taken to have been seen before the first: most libraries close or
// discard, some keep, few check or forget. It outweighs what one connection says and not what ten do.
var Prior = [NumKinds]float64{Closes: 1, Keeps: 0.6, Checks: 0.3, Discards: 1, Forgets: 0.2, Shares: 0.6, HoldsBack: 0.1}
