package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// ConnSummary is told when a connection is over and judged. With Run.KeepConns it stays valid, and Run.Conns completes it
// when the run is over.
type ConnSummary struct {
	ID             int64
	Client, Server netip.AddrPort
	First, Last    capture.Time
	File           int32  // which has the first packet
	Start          string // "syn" or "midstream"
	End            string // "fin", "rst", "open" or "cut"
	Protocol       string // "resp", "tls", "replication", "monitor", "pubsub", "unparsed", "empty"
	RoleBy         string // how the server side was told: "syn", "port", "bytes"
	Commands       int
	Replies        int
	Policy         string
	Library        string
	Version        string
	ReadTimeout    time.Duration
	Dirty          bool
	Behind         int
	LostBytes      int64
	Findings       []string
	Encryption     *reassembly.Encryption // nil: there was none

	pop     *client.Population
	weighed bool // Policy is its own, not its population's
}

func (*ConnSummary) Event() {}

// Options steer Events and Detect; the zero value is good.
type Options struct {
	Ports        []uint16                     // server ports, where no SYN tells the roles
	ReadTimeouts map[netip.Addr]time.Duration // known read timeouts; the zero Addr stands for every client
	Policies     map[netip.Addr]client.Policy // known policies; the zero Addr stands for every client
	Drops        int64                        // packets the kernel dropped, if known from elsewhere
	Seen         int64                        // packets it saw, with Drops
	MaxExamples  int                          // per finding; 5
	ShowValues   bool                         // values in evidence, never secrets
	MaskKeys     bool                         // stable tokens instead of keys
	Params       map[string]string            // rule parameters, "rs301.share"
	FileName     func(file int32) string      // names for evidence; "" without
	Live         bool                         // findings as soon as they are safe
	Quiet        time.Duration                // of a live run: without an occurrence for so long a finding is over; 0: 5 minutes
	Names        incident.Names               // of roles; clients have those that they give themselves where it has none
	Memory       int64                        // limit in bytes that what is kept is scaled to; 0: 512 MiB
	Without      inference.Terms              // evidence of the reader to leave out, for tables by term
}

// Opened tells that a connection came into view. It is borrowed until the next one.
type Opened struct {
	Session *Session
	Segment *reassembly.Segment
}

// Control tells of a segment that opens, closes or repeats.
type Control struct {
	Session    *Session
	Segment    *reassembly.Segment
	FromClient bool
}

// Ended tells that a connection is over. Its exchanges may still wait for judgement. It is borrowed until the next one.
type Ended struct{ Session *Session }

// WaitEnded tells that a caller stopped waiting for a reply.
type WaitEnded struct {
	Session *Session
	*desync.EndOfWait
}

// Sent tells of a command, before anything is known of its reply.
type Sent struct {
	Session  *Session
	Exchange *pairing.Exchange
	Request  *resp.Request
}

// Answered tells of a reply that was tied to its command, before anything is known of what the caller got.
type Answered struct {
	Session  *Session
	Exchange *pairing.Exchange
	Reply    *resp.Reply
	// Contradiction says why this reply cannot answer this command; empty: it can.
	Contradiction string
	// Foreign says that the contradiction is by slot or by an echoed text, which hardly fit by accident.
	Foreign bool
}

func (*Opened) Event()    {}
func (*Control) Event()   {}
func (*Ended) Event()     {}
func (*WaitEnded) Event() {}
func (*Sent) Event()      {}
func (*Answered) Event()  {}
