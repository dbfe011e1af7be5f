package report

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
)

// SchemaVersion is the version of the JSON forms. Fields are only ever added within one version.
const SchemaVersion = 1

// Document is a whole run: what was read, how much of the truth it holds, and what was found.
type Document struct {
	Tool Tool
	Label
	Complete bool // all input was read whole and no limit was reached: a clean result can be trusted
	Input    []Input
	Quality  Quality
	Summary  Summary
	// Findings are ranked, worst first. RS9xx speak of the capture itself.
	Findings []incident.Finding
	// Incidents are what the findings are parts of, worst first.
	Incidents []incident.Incident
	// Doubts are what a fault could hide behind.
	Doubts []Doubt
	// Suppressed are findings that a baseline accepts.
	Suppressed []Suppressed
	// Warnings are about the run: expired baseline entries, unreadable files, limits.
	Warnings []string
	// Checked is what holding the run against an expectation gave; nil without one.
	Checked *Checked
	// Series are figures for who reads the JSON; nil without.
	Series *Series
	// Trace is what was recorded of the traffic for the page (package page); nil: nothing was.
	Trace Trace

	Judged *Verdict // of Judge; nil: not judged
}

// Trace is a record of connections and their commands that package page makes and reads.
type Trace interface {
	Exchanges() int64 // commands in it
}

// Label is what the user calls a run, and the host of its captures; "" where nothing was said.
type Label struct {
	Run  string `json:"run,omitempty"`
	Host string `json:"host,omitempty"`
}

// Tool names the program that made a Document.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Input is one file that was read.
type Input struct {
	File        string
	Format      string // "pcap", "pcapng", "text", ..., with "gzip+" or "zstd+" before it
	Packets     int64
	Bytes       int64
	LinkTypes   []string
	Snaplen     int // 0: unlimited or unknown
	First, Last capture.Time
	KernelDrops int64
	Cut         bool   // the file ends inside a record
	Error       string // why reading stopped, with the place
	Notes       []string
}

// Quality counts what the capture lost or hid. The RS9xx findings report what follows from it.
type Quality struct {
	KernelDrops   int64    `json:"kernel_drops"`            // packets that the kernel dropped, as the file or --drops says
	LostBytes     int64    `json:"lost_bytes"`              // stream bytes that were acknowledged and never captured
	Holes         int64    `json:"holes"`                   // places where they are missing
	CutPackets    int64    `json:"cut_packets"`             // packets longer than the snapshot length
	Snaplen       int      `json:"snaplen"`                 // longest captured length of those, 0 without
	Duplicates    int64    `json:"duplicates"`              // packets captured twice (SPAN, -i any)
	Backwards     int64    `json:"backwards"`               // frames out of time order
	Undecodable   int64    `json:"undecodable"`             // packets that no decoder understood
	NotTCP        int64    `json:"not_tcp,omitempty"`       // packets that carry neither TCP nor a known tunnel
	Unread        []Unread `json:"unread,omitempty"`        // what most of them carry
	Fragments     int64    `json:"fragments,omitempty"`     // fragmented IP packets that could not be put together
	Conflicts     int64    `json:"conflicts,omitempty"`     // retransmissions with other bytes than the first copy has
	MidStream     int64    `json:"mid_stream"`              // connections that began before the capture
	OneSided      int64    `json:"one_sided"`               // connections with one direction only
	Encrypted     int64    `json:"encrypted"`               // TLS connections of which nothing was read
	Decrypted     int64    `json:"decrypted,omitempty"`     // those of which something was
	SealedWrites  int64    `json:"sealed_writes,omitempty"` // on these, to ports of Redis, that were looked at without being read
	Unparsed      int64    `json:"unparsed"`                // connections that are not RESP
	Failed        int64    `json:"failed"`                  // connections whose analysis failed inside
	LimitsReached []string `json:"limits_reached"`          // each names the limit and how often
	Bounds        []Bound  `json:"bounds,omitempty"`        // the same, apart
	Weakened      bool     `json:"weakened"`                // some finding has a gap in its window
}

// Unread is what packets without TCP carry.
type Unread struct {
	What    string `json:"what"` // in words: "EtherType 0x88e5 (MACsec)"
	Packets int64  `json:"packets"`
}

// UnreadShown is how many of them a Quality has.
const UnreadShown = 8

// Bound is a limit on what is kept, where it was reached.
type Bound struct {
	Name  string `json:"name"`
	Limit int64  `json:"limit"`
	Hits  int64  `json:"hits"`  // things that were not kept
	Hides string `json:"hides"` // what may be missing because of it
	Loses string `json:"loses"` // Evidence: a clean result proves nothing; Detail: findings and counts are right
}

// Values of Bound.Loses.
const (
	Evidence = "evidence"
	Detail   = "detail"
)

// String is the bound in one line.
func (b Bound) String() string {
	text := fmt.Sprintf("%s: the limit of %s was reached %s", b.Name, Group(b.Limit), CountAs(b.Hits, "time", "times"))
	if b.Hides != "" {
		text += "; it may hide " + b.Hides
	}
	if b.Loses == Detail {
		text += " (detail only)"
	}
	return text
}

// Reach notes limits that were reached. One that loses evidence makes the result incomplete.
func (d *Document) Reach(bounds ...Bound) {
	for _, b := range bounds {
		d.Quality.Bounds = append(d.Quality.Bounds, b)
		d.Quality.LimitsReached = append(d.Quality.LimitsReached, b.String())
		d.Complete = d.Complete && b.Loses != Evidence
	}
}

// unnamed says what the capture hides where no finding does: too little for a rule to be weakened.
func (d *Document) Unnamed() string {
	if !d.Complete {
		return "the input was not read whole: a clean result cannot be trusted"
	}
	q := &d.Quality
	var parts []string
	for _, c := range []struct {
		n         int64
		one, many string
	}{
		{q.KernelDrops, "packet was dropped by the kernel", "packets were dropped by the kernel"},
		{q.LostBytes, "byte was never captured", "bytes were never captured"},
		{q.CutPackets, "packet was captured in part", "packets were captured in part"},
		{q.Undecodable, "packet could not be decoded", "packets could not be decoded"},
		{q.Fragments, "fragmented packet could not be put together", "fragmented packets could not be put together"},
		{q.Conflicts, "retransmission had other bytes than the first copy", "retransmissions had other bytes than the first copy"},
		{q.MidStream, "connection began before the capture", "connections began before the capture"},
		{q.OneSided, "connection was seen from one side", "connections were seen from one side"},
		{q.Encrypted, "connection is encrypted", "connections are encrypted"},
		{q.Unparsed, "connection is no Redis traffic", "connections are no Redis traffic"},
		{q.Failed, "connection could not be analysed", "connections could not be analysed"},
	} {
		if c.n > 0 {
			parts = append(parts, CountAs(c.n, c.one, c.many))
		}
	}
	if len(parts) == 0 {
		return "nothing was lost or cut"
	}
	return strings.Join(parts, ", ") + "; no rule was weakened"
}

// Summary counts what went by.
type Summary struct {
	Packets     int64
	Connections int64
	Redis       int64 // connections that carried RESP
	Commands    int64
	Replies     int64
	Clients     int64
	Servers     int64
	First, Last capture.Time
	Unmatched   bool      // filters of commands, keys or times choose no command
	Suppressed  int64     // claims suppressed, since their confidence is below one half: counted, not printed
	Filtered    *Filtered // what filters left out; nil without filters
	Parties     Parties
}

// Parties are the clients and the servers, in order; empty where there are more than MaxParties.
type Parties struct {
	Clients []netip.Addr
	Servers []netip.AddrPort
}

// MaxParties is how many clients, and how many servers, a summary lists.
const MaxParties = 256

// Duration returns the time that the capture spans.
func (s *Summary) Duration() time.Duration { return s.Last.Sub(s.First) }

// Suppressed is a finding that a baseline accepts, with who accepted it and why.
type Suppressed struct {
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"`
	Reason      string `json:"reason"`
	Owner       string `json:"owner"`
	Until       string `json:"until,omitempty"`
}

// split parts the findings into those about the capture and those about the traffic, in order.
func (d *Document) Split() (quality, traffic []*incident.Finding) {
	for i := range d.Findings {
		f := &d.Findings[i]
		if incident.IsQuality(f.Rule) {
			quality = append(quality, f)
		} else {
			traffic = append(traffic, f)
		}
	}
	return quality, traffic
}

// addrText leaves out a zone: no packet has one, and it can hold any text.
func AddrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

func AddrPortText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()).String()
}

// FindingsOf returns the findings of an incident, each behind its causes; those of an origin of several incidents too.
func (d *Document) FindingsOf(in *incident.Incident) (all []*incident.Finding) {
	byPrint := map[string]*incident.Finding{}
	for i := range d.Findings {
		byPrint[d.Findings[i].Fingerprint] = &d.Findings[i]
	}
	for i := range in.Steps {
		for _, print := range in.Steps[i].Findings {
			if f := byPrint[print]; f != nil {
				all = append(all, f)
			}
		}
	}
	return all
}
