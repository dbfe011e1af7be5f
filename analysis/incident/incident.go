package incident

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// Incident is one fault, reported once: what set it off, what the client or the server did, who was hurt, and what to do.
// Findings are its parts. A hundred clients with the same bug are one incident; two bugs of one client are two.
// Every string in it is safe to print on a terminal.
type Incident struct {
	ID          int    // from 1 in the order of reports, worst first
	Fingerprint string // of its class, its worst rule and its library; where that is not known, its clients and servers
	Class       Class
	Rule        string             // that reports what hurt
	Severity    Severity           // the worst of its findings
	Confidence  pairing.Confidence // of what the title says
	Title       string             // one sentence, what hurt first
	Cause       Origin
	Clients     []netip.Addr     // who was hurt, in order; at most maxNamed
	Servers     []netip.AddrPort // in order; at most maxNamed
	Library     string           // of all clients, where they have one; else empty
	First, Last capture.Time     // of all steps but harmless ones
	Damage      Damage
	Steps       []IncidentStep // causes first
	Story       Story          // one connection, followed
	Others      []Outline      // further connections, in one line each
	Remedy      []string       // what to do, most urgent first
}

// Class is what kind of fault an incident is.
type Class uint8

// Classes, in the order of the rules' numbers.
const (
	Desync Class = iota
	ConnectionFault
	TopologyFault
	ServerFault
)

var classNames = [...]string{"desync", "connection fault", "topology fault", "server fault"}

// String returns the word that every output uses.
func (c Class) String() string { return classNames[c] }

// ParseClass is the inverse of String.
func ParseClass(word string) (Class, bool) {
	for i, n := range classNames {
		if n == word {
			return Class(i), true
		}
	}
	return 0, false
}

// classOf is the class of a rule, by its number. A harmless finding of a desync rule is what a well-made client does.
func classOf(rule string, severity Severity) Class {
	if len(rule) < 3 {
		return ConnectionFault
	}
	switch rule[2] {
	case '1':
		if severity > Low {
			return Desync
		}
	case '3':
		return TopologyFault
	case '4':
		return ServerFault
	}
	return ConnectionFault
}

// Origin is what set an incident off.
type Origin struct {
	What        string // the name of a rule: "server-stall"; "before-capture"; "unknown"
	Servers     []netip.AddrPort
	First, Last capture.Time
	Timeout     time.Duration // the read timeout that clients gave up after, as it is set; 0: not known
}

// Origins that no rule has a name for.
const (
	OriginUnknown = "unknown"
	OriginBefore  = "before-capture"
)

// Damage is what an incident did. All counts are of distinct things.
type Damage struct {
	Calls       int // that got another call's reply
	Misread     int // connections on which they did
	Connections int // that the fault happened on
	Open        int // of these, open when the run ended
	Clients     int
	AtLeast     bool         // a bound was reached, or some findings are of another run: the counts are the least
	Since       capture.Time // of the first harm; 0: none is known
	Until       capture.Time // of the last
	Saw         []Tally      // what the calls saw, most first
	Commands    []Tally      // the calls by command, most first
}

// IncidentStep is one rule's part of an incident.
type IncidentStep struct {
	Rule        string // "RS210"
	Name        string
	Role        Role
	Count       int // of what What counts
	First, Last capture.Time
	What        string   // "551 reads timed out"
	Findings    []string // fingerprints, worst first
}

// Role says what a step is to its incident.
type Role uint8

// Roles of a step.
const (
	RoleCause    Role = iota // it led to the harm
	RoleEffect               // it is the harm, or follows from it
	RoleHarmless             // a well-made client does so
)

var roleNames = [...]string{"cause", "effect", "harmless"}

// String returns the word that every output uses.
func (r Role) String() string { return roleNames[r] }

// ParseRole is the inverse of String.
func ParseRole(word string) (Role, bool) {
	for i, n := range roleNames {
		if n == word {
			return Role(i), true
		}
	}
	return 0, false
}

// Story is what happened on one connection of an incident, in the order of time.
type Story struct {
	Conn           int64 // 0: no connection shows it
	Client, Server netip.AddrPort
	File           string
	Rows           []StoryRow
	More           int // further calls that got another call's reply
}

// StoryRow is one moment of a story. Serves and Believes are set where a call got another call's reply: whose reply the
// server meant for it, and whose its caller got; 0: none, or one from before the capture.
type StoryRow struct {
	Time             capture.Time
	Frame            int64
	Index            int    // of the command that it is about; 0: of none
	What             string // "GET k1"
	Note             string // what is to be said of it
	Serves, Believes int
	Meant, Got       string // the two replies; both empty: no call got another call's reply
	Role             Role
}

// Misread reports whether a call got another call's reply.
func (r *StoryRow) Misread() bool { return r.Got != "" }

// Outline is one connection of an incident in one line.
type Outline struct {
	Conn           int64
	Client, Server netip.AddrPort
	Time           capture.Time
	Frame          int64
	What           string
}

// Bounds of what an incident names one by one; it counts all.
const (
	maxNamed  = 64  // clients, and servers
	maxRows   = 12  // of a story
	maxOthers = 256 // outlines
)

// StepText says a rule's step of an incident in words. Without One the summary of the rule serves.
type StepText struct {
	One, Many   string // "1 read timed out", "%d reads timed out"
	Connections bool   // count connections, not occurrences: the further ones of a connection are consequences
	Calls       bool   // occurrences are calls that got another call's reply
	// Remedy says what to do about an incident whose fault this is; nil: the remedy of the finding.
	Remedy func(*Incident) []string
}

// Setting is the setting that a measured timeout comes from: timers fire late, never early.
func Setting(measured time.Duration) time.Duration {
	step := 10 * time.Millisecond
	if measured >= time.Second {
		step = 100 * time.Millisecond
	}
	if measured >= 10*time.Second {
		step = time.Second
	}
	if measured < step {
		return measured.Round(time.Millisecond)
	}
	return measured.Round(step)
}

// SettingText prints a timeout as people set it: "300 ms", "2 s", "1.5 s".
func SettingText(t time.Duration) string {
	if t < time.Second {
		return trimmed(t.Seconds()*1e3) + " ms"
	}
	return trimmed(t.Seconds()) + " s"
}

// trimmed prints a number with as few decimals as say it, two at most.
func trimmed(x float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(x, 'f', 2, 64), "0"), ".")
}
