package incident

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// Severity says how much harm a finding means for the application.
type Severity uint8

// Severities, least first.
const (
	Info     Severity = iota
	Low               // harmless or self-healing
	Medium            // errors or latency, no wrong data
	High              // wrong data at any moment, or an outage under way
	Critical          // an application received another command's data
)

var severityNames = [...]string{"info", "low", "medium", "high", "critical"}

// String returns the word that every output uses.
func (s Severity) String() string { return severityNames[s] }

// ParseSeverity is the inverse of String.
func ParseSeverity(word string) (Severity, bool) {
	for i, n := range severityNames {
		if n == word {
			return Severity(i), true
		}
	}
	return 0, false
}

// Finding is one fault: all that one rule saw of one client group. Every string in it is safe to print on a terminal:
// text from the wire has been through Text.
type Finding struct {
	Rule       string // "RS101"
	Name       string // "dirty-reuse"
	Severity   Severity
	Confidence pairing.Confidence
	Title      string // one sentence with the numbers
	// Fingerprint names the rule, the client and the server by their roles, and the subject: by address, the server's with its
	// port, or by name. It does not depend on client ports, times, frame numbers or the order of findings. Of several of the
	// same roles the second one has "-2" behind it, and so on, in order of their addresses; with Options.Live, in order of
	// their reports.
	Fingerprint string
	Client      netip.Addr     // zero where no single client is concerned
	Server      netip.AddrPort // zero where no single server is concerned
	Identity
	Library     string // "jedis", or empty
	Policy      string
	First, Last capture.Time
	Count       int // occurrences
	Connections int // distinct connections
	Examples    []Example
	Victims     []Tally  // what the misreading callers saw, most first
	Commands    []Tally  // victims by command, most first
	Notes       []string // what speaks against it, what was ruled out, what the capture cannot show
	Weakened    bool     // some occurrence had a capture gap in its window
	Remedy      string
	// Causes are the fingerprints of the findings that led to this one.
	Causes []string
	Part
	// More is not 0 for the row that stands for what a rule found beyond its bound of findings: how many further clients
	// it is about, or servers. At most as many as are there.
	More int
	// Early says why it is told of while a live run goes on: it stands, and its numbers may grow. nil: the run is over.
	Early *Early
}

// Identity is what else makes findings of one rule distinct, and what their ends are called.
type Identity struct {
	Subject                string // "slot 12182"
	ClientName, ServerName string // of their roles, as Names gives them; "" where the fingerprint has the address
}

// Part is what a finding is to its incident.
type Part struct {
	Incident int           // its number; of what led to several, the worst; 0: none, it is about the capture itself
	Timeout  time.Duration // the read timeout that clients gave up after, as it is set; 0: not known
}

// Tally is a count with its label.
type Tally struct {
	Label string
	Count int
}

// Example is one occurrence with its evidence.
type Example struct {
	Conn           int64
	Client, Server netip.AddrPort
	File           string
	Time           capture.Time
	Frames         []int64
	Facts          []string // sentences, the decisive one first
	Filter         string   // tshark display filter
	Victims        []pairing.Victim
	Ladder         []Step
	Confidence     pairing.Confidence
}

// Step is one packet of an example's ladder.
type Step struct {
	Frame      int64
	Time       capture.Time
	FromClient bool
	Seq, Ack   int64 // relative, as Wireshark shows; Ack -1: none
	Length     int
	What       string // "GET short_url_pre.qGZmAb", "$-1 (GET's reply)", "ACK only", "FIN"
	Mark       string // why it matters: "2.002272 s later, no byte in between"
}

// SortFindings puts findings in the order of reports: worst first, then surest, then earliest. The row for what is
// beyond a rule's bound is the rule's last of its severity and confidence.
func SortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int { return compareFindings(&a, &b) })
}

func compareFindings(a, b *Finding) int {
	return cmp.Or(
		cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Confidence, a.Confidence),
		cmp.Compare(a.Rule, b.Rule), cmp.Compare(min(a.More, 1), min(b.More, 1)),
		cmp.Compare(a.First, b.First), cmp.Compare(a.Fingerprint, b.Fingerprint),
	)
}
