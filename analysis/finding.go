package analysis

import (
	"net/netip"

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

// Confidence says how surely a claim follows from the capture. The zero value is not printed.
type Confidence uint8

// Confidence levels, least first.
const (
	Unsaid   Confidence = iota // below one half: counted in the summary only
	Possible                   // two assumptions, a gap in the window, or the client's policy is unknown
	Likely                     // one ordinary assumption that this capture does not test
	Strong                     // one assumption that this capture tests
	Proven                     // follows from captured bytes and sequence arithmetic
)

var confidenceNames = [...]string{"", "possible", "likely", "strong", "proven"}

// String returns the word that every output uses.
func (c Confidence) String() string { return confidenceNames[c] }

// Number returns the level as machine output gives it: 0, 0.55, 0.8, 0.95 or 1.
func (c Confidence) Number() float64 { return [...]float64{0, 0.55, 0.8, 0.95, 1}[c] }

// Down returns the next lower level; Possible stays.
func (c Confidence) Down() Confidence {
	if c > Possible {
		return c - 1
	}
	return c
}

// ParseConfidence is the inverse of String.
func ParseConfidence(word string) (Confidence, bool) {
	for i, n := range confidenceNames {
		if n == word && i > 0 {
			return Confidence(i), true
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
	Confidence Confidence
	Title      string // one sentence with the numbers
	// Fingerprint does not depend on ports, times or frame numbers.
	Fingerprint string
	Client      netip.Addr     // zero where no single client is concerned
	Server      netip.AddrPort // zero where no single server is concerned
	Library     string         // "jedis", or empty
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
	// Early says that the run goes on (Options.Live): the finding stands, its numbers may grow.
	Early bool
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
	Victims        []Victim
	Ladder         []Step
	Confidence     Confidence
}

// Victim is a command whose caller got another command's reply.
type Victim struct {
	Index      int // command number on its connection, from 1
	Command    string
	Key        string
	Serves     int // command whose reply the server meant for it; 0: none seen
	Believes   int // command whose reply its caller got; 0: none
	Frame      int64
	File       int32 // of Frame
	Time       capture.Time
	Meant      string // the reply the server meant, as "bulk, 57 bytes"
	Got        string // the reply the caller got
	Saw        string // nil, wrong type, wrong value, redirect, error
	Confidence Confidence
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
