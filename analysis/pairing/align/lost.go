package align

import "time"

// Lost weighs whether the oldest commands of a connection got no reply at all, so that each reply serves the command so many
// places behind the one that it would serve in order. Where all commands are alike no content contradicts the order. Two
// witnesses may:
//
// Time. Each reply comes just after the command that it then serves, and none in the pause before that. In order each would have
// taken exactly as long as its client happened to pause. A reply that may come at any time falls into the first tenth of
// such a pause once in ten times; more often where the traffic shows so. However soon it comes it says no more: what ends a
// stall may be what made the client go on.
//
// Values. A reply is not what its own command is known to be answered with, and is what the other one's is: as likely as such
// a thing was seen to be of replies to their own commands.
type Lost struct {
	By      int // commands without a reply
	Window  int // commands that were outstanding when the suspicion began
	Matches int // replies that are known to be another command's answers
	Turns   int // replies that came soon behind another command
	neutral int
	odds    float64 // of all that was seen, if the order were right
	values  float64 // … of the values alone
}

// Soon is the share of a pause within which a reply counts as coming just behind the command that ended it.
const Soon = 0.1

const (
	// certain is the chance of a coincidence in the whole capture that is accepted.
	certain = 1e-3
	// neutralPerTurn is how many replies that say nothing may come for one that does: of a burst the first counts only.
	neutralPerTurn = 2
)

// NewLost begins to weigh.
func NewLost(by, outstanding int) *Lost {
	return &Lost{By: by, Window: outstanding, odds: 1, values: 1}
}

// Early counts the replies of a run that came while commands of several writes were outstanding, and those of them that came soon
// behind a later one and yet served their own.
type Early struct{ All, Soon int }

// chance is how likely a reply comes soon behind a later command that it does not serve.
func (e *Early) chance() float64 { return max(Soon, float64(e.Soon+1)/float64(e.All+10)) }

// IsSoon reports whether a reply that came so long behind a command, and so long behind the one before it, came just behind it.
func IsSoon(behind, before time.Duration) bool {
	return behind >= 0 && float64(behind) <= Soon*float64(before)
}

// Time takes a reply whose time counts; Value one whose value does: of whichever it is, with the chance of that in order over
// the chance of it if the reply is the other command's. Neither takes one that says nothing.
func (l *Lost) Time(e *Early) {
	l.Turns++
	l.odds *= e.chance()
}

func (l *Lost) Value(ratio float64) {
	if ratio < 1 {
		l.Matches++
	}
	l.odds *= ratio
	l.values *= ratio
}

func (l *Lost) Neither() { l.neutral++ }

// Refuted reports whether the order is likelier again, or too little speaks against it.
func (l *Lost) Refuted() bool { return l.odds > 1 || l.neutral > neutralPerTurn*(l.Turns+l.Matches) }

// Proven reports whether what was seen is no coincidence: less likely than certain, for as many replies as it might have begun
// with.
func (l *Lost) Proven(e *Early) bool { return l.odds*float64(max(1, e.All)) <= certain }

// ByValues reports whether the values alone show it.
func (l *Lost) ByValues(e *Early) bool { return l.values*float64(max(1, e.All)) <= certain }
