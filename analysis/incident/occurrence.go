package incident

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// Occurrence is one instance of a rule's fault.
type Occurrence struct {
	Client     netip.AddrPort
	Server     netip.AddrPort
	Library    string
	Policy     string
	Conn       int64 // 0: concerns no single connection
	Time, Last capture.Time
	Count      int // 0 counts as 1
	// Standing says that Count is a level, as a number of pools: the highest of the group's occurrences counts, not the sum.
	Standing   bool
	Severity   Severity
	Confidence pairing.Confidence
	Weakened   bool
	Victims    map[string]int // by what they saw
	Commands   map[string]int // by command
	Notes      []string
	Timeout    time.Duration // the read timeout that the client gave up after; 0: not known
	// AnyServer joins all servers of the client in one finding, AnyClient all clients.
	AnyServer, AnyClient bool
	// Subject makes findings of one rule and group distinct: a slot, a node. It enters the fingerprint.
	Subject string
	// Evidence builds the example; it is called only if the example is kept.
	Evidence func() Example
}

// groupID says which occurrences of a rule are one finding.
type groupID struct {
	client  netip.Addr
	server  netip.AddrPort
	subject string
}

func (o *Occurrence) group() groupID {
	id := groupID{o.Client.Addr(), o.Server, o.Subject}
	if o.AnyServer {
		id.server = netip.AddrPort{}
	}
	if o.AnyClient {
		id.client = netip.Addr{}
	}
	return id
}
