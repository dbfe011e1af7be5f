package desync

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// Bounds of what is kept in detail of one desynchronised connection; the rest is counted.
const (
	maxAbandoned = 8
	// maxKeptAbandoned is how many abandonments are kept of all open connections, at 1.3 KiB each, before only the first of each
	// connection is.
	maxKeptAbandoned = 1 << 14
	maxVictims       = 5
)

// Abandonment is a caller that went away without its reply, with the command that came next on the connection.
type Abandonment struct {
	Given      pairing.Exchange // the command that was given up; Session is nil in a copy
	Next       pairing.Exchange // the first command after it; Index 0: the client closed
	Why        Why
	Gap        time.Duration      // from the end of the batch to Next
	Flat       bool               // no byte of the server became readable between the two
	Owed       int                // replies owed after it
	Confidence pairing.Confidence // of the fact that it was given up
	Weakened   bool               // a capture gap lies in the window
}

// Why says how it is known that a caller gave up.
type Why uint8

// Grounds for an abandonment.
const (
	ByAck       Why = iota // its reply had not been delivered when the next command was written
	ByHalf                 // it had been delivered in part
	ByTimeout              // it came later than the client waits
	ByInference            // what followed on the connection shows it
)

// Desync is what one connection's callers got wrong.
type Desync struct {
	Session        *Callers // its run-time state, valid during the event only
	Conn           int64
	Client, Server netip.AddrPort
	Use            Use
	Wait           Timeout // the read timeout held against it
	Library        client.Library
	GivenUp
	Misreads
	Memory
	QuitReads
	StaleReading
	First    capture.Time
	LastTime capture.Time
	Healed   string // how the connection ended its own trouble, if it did
	Open     bool   // of a live run: the connection goes on, and another event replaces this one
	Now      int    // replies that its callers are behind at the moment; 0: it is over, or they have caught up

	ground  Why
	started bool
	Changed bool
}

// GivenUp is the callers that went away, and the commands that were written all the same.
type GivenUp struct {
	Abandoned []Abandonment
	Counts    [4]int       // abandonments by Why
	Overtaken int          // commands written before the reply to the one before had arrived
	Proof     *Abandonment // the first of these
	Reuses    int          // commands written while a reply was owed
	ReusesBy  [4]int       // … by the ground of the first abandonment
	Handshake int          // abandoned commands of the connection's set-up
	Behind    int
}

// Misreads is the callers that got another command's reply.
type Misreads struct {
	Victims   []pairing.Victim
	Last      pairing.Victim // the last one, if not among Victims
	NVictims  int
	Unread    int                // of a connection that is encrypted: calls that may be of them
	Strongest pairing.Confidence // of the victims
	ByCommand map[string]int
	BySaw     map[string]int
	Foreign   []ForeignRedirect
	NForeign  int // callers that got a redirect about another slot
}

// Memory is what shows that callers were answered from the client's memory.
type Memory struct {
	Prompt  Prompt // the first time that one cannot have been answered otherwise
	TooSoon int    // how often
}

// Prompt is a caller that went on sooner than its own reply can have come.
type Prompt struct {
	Frame, Next int64 // its command, and the one after it; 0: none
	Command     string
	Gap         time.Duration // between these
	Took        time.Duration // its own reply
}

// String says it in a sentence.
func (p *Prompt) String() string {
	return fmt.Sprintf("the next command (frame %d) came %s after %s (frame %d), whose reply took %s: its caller was answered from memory",
		p.Next, millis(p.Gap), p.Command, p.Frame, millis(p.Took))
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.3f ms", float64(d)/float64(time.Millisecond))
}

// QuitReads is the QUITs whose reader got another command's reply.
type QuitReads struct {
	Quits      int
	Quit       Abandonment
	QuitVictim pairing.Victim
}

// StaleReading is the callers that were answered from the client's memory with a reply from before the capture.
type StaleReading struct {
	Stale      []StaleRead
	StaleLevel pairing.Confidence
	StaleReads int
	StaleWhy   []string // what shows it beside the reader
}

func (*Desync) Event() {}

// StaleRead is a pair of commands that followed each other faster than any reply can travel: the first was answered
// from the client's memory.
type StaleRead struct {
	First, Second pairing.Exchange
	Gap           time.Duration
	RTT           time.Duration
}
