package analysis

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
)

// Reporter collects the occurrences of one rule and groups them.
type Reporter struct {
	d      *Detector
	run    *Run
	groups map[groupID]*collected
	order  []*collected
	// Title and Remedy make the finding's texts once its numbers are known.
	Title  func(*Finding) string
	Remedy func(*Finding) string
	Notes  func(*Finding) []string
}

// Run returns the run that is watched.
func (r *Reporter) Run() *Run { return r.run }

type groupID struct {
	client  netip.Addr
	server  netip.AddrPort
	subject string
}

type collected struct {
	id    groupID
	f     Finding
	conns map[int64]struct{}
	more  int // connections whose numbers were given up
	known map[string]bool
	vics  map[string]int
	cmds  map[string]int
	marks []mark // of f.Examples

	// Of a live run.
	open    map[int64]contribution // by connection
	told    told
	changed bool
	resumed bool // nothing was added since an earlier run, which made the texts of f
}

// mark is how an example ranks, and which report of an open connection it is from.
type mark struct {
	level Confidence
	turn  int64 // 0: of none, it is not replaced
}

// maxConnsCounted bounds the set by which distinct connections of a finding are counted.
const maxConnsCounted = 1 << 16

// maxFindings bounds how many findings one rule may have; occurrences of further groups are counted with the last.
const maxFindings = 1000

// Add takes an occurrence.
func (r *Reporter) Add(o Occurrence) {
	if o.Confidence == Unsaid {
		if r.run.speaking == nil || !r.run.speaking.Open {
			r.run.summary.Unsaid++
		}
		return
	}
	id := groupID{o.Client.Addr(), o.Server, o.Subject}
	if o.AnyServer {
		id.server = netip.AddrPort{}
	}
	if o.AnyClient {
		id.client = netip.Addr{}
	}
	c := r.groups[id]
	if c == nil {
		if len(r.order) >= maxFindings {
			c = r.order[len(r.order)-1]
		} else {
			c = &collected{id: id, conns: map[int64]struct{}{}, vics: map[string]int{}, cmds: map[string]int{}, known: map[string]bool{}}
			c.f = Finding{
				Rule: r.d.ID, Name: r.d.Name, Severity: o.Severity, Client: id.client, Server: id.server, First: o.Time, Last: o.Time,
			}
			c.f.Fingerprint = fingerprint(r.d.ID, id)
			r.groups[id] = c
			r.order = append(r.order, c)
		}
	}
	f := &c.f
	turn := r.replaced(c, &o)
	c.resumed = false
	f.Count += max(o.Count, 1)
	f.Severity = max(f.Severity, o.Severity)
	f.Confidence = max(f.Confidence, o.Confidence)
	f.First, f.Last = min(f.First, o.Time), max(f.Last, o.Time, o.Last)
	if o.Weakened {
		f.Weakened = true
		r.run.quality.weaken(r.d.ID)
	}
	if o.Library != "" {
		f.Library = o.Library
	}
	if o.Policy != "" {
		f.Policy = o.Policy
	}
	if o.Conn > 0 && len(c.conns) < maxConnsCounted {
		c.conns[o.Conn] = struct{}{}
	}
	r.run.marked(o.Conn, r.d.ID)
	for k, n := range o.Victims {
		c.vics[k] += n
	}
	for k, n := range o.Commands {
		c.cmds[k] += n
	}
	for _, n := range o.Notes {
		if !c.known[n] && len(c.known) < 8 {
			c.known[n] = true
			f.Notes = append(f.Notes, n)
		}
	}
	if o.Evidence == nil {
		return
	}
	// The examples kept are the surest, of these the earliest.
	at := len(c.marks)
	for at > 0 && c.marks[at-1].level < o.Confidence {
		at--
	}
	if at >= r.run.o.MaxExamples {
		return
	}
	e := o.Evidence()
	if e.Conn == 0 {
		e.Conn = o.Conn
	}
	if !e.Client.IsValid() {
		e.Client = o.Client
	}
	if !e.Server.IsValid() {
		e.Server = o.Server
	}
	if e.Time == 0 {
		e.Time = o.Time
	}
	if e.Filter == "" {
		e.Filter = r.run.Filter(e.Client, e.Server)
	}
	e.Confidence = o.Confidence
	f.Examples = slices.Insert(f.Examples, at, e)
	c.marks = slices.Insert(c.marks, at, mark{o.Confidence, turn})
	if len(f.Examples) > r.run.o.MaxExamples {
		f.Examples = f.Examples[:r.run.o.MaxExamples]
		c.marks = c.marks[:r.run.o.MaxExamples]
	}
}

// Empty reports whether nothing has been reported.
func (r *Reporter) Empty() bool { return len(r.order) == 0 }

// fingerprint names a finding so that a second recording of the same fault has the same name: no port, no time.
func fingerprint(rule string, id groupID) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%s", rule, addrText(id.client), addrText(id.server.Addr()), id.subject))
	return rule + "-" + hex.EncodeToString(h[:6])
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// findings completes what was collected.
func (r *Reporter) findings() []Finding {
	out := make([]Finding, 0, len(r.order))
	for _, c := range r.order {
		r.run.tale.seen(c.f.Fingerprint, c.conns)
		out = append(out, r.finding(c))
	}
	return out
}

// finding completes one of them.
func (r *Reporter) finding(c *collected) Finding {
	f := c.f
	f.Connections = len(c.conns) + c.more
	f.Victims, f.Commands = tallies(c.vics), tallies(c.cmds)
	if c.resumed {
		return f
	}
	f.Title = ""
	if r.Title != nil {
		f.Title = r.Title(&f)
	}
	if f.Title == "" {
		f.Title = r.d.Summary
	}
	if r.Remedy != nil {
		f.Remedy = r.Remedy(&f)
	}
	if r.Notes != nil {
		f.Notes = slices.Clip(f.Notes)
		for _, n := range r.Notes(&f) {
			if !c.known[n] { // an earlier run may have noted the same
				f.Notes = append(f.Notes, n)
			}
		}
	}
	return f
}

func tallies(m map[string]int) []Tally {
	t := make([]Tally, 0, len(m))
	for k, n := range m {
		t = append(t, Tally{k, n})
	}
	slices.SortFunc(t, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Label, b.Label))
	})
	return t
}

// Filter returns a tshark display filter for the packets between two ends.
func (r *Run) Filter(client, server netip.AddrPort) string {
	if !client.IsValid() {
		return ""
	}
	field := "ip.addr"
	if client.Addr().Is6() && !client.Addr().Is4In6() {
		field = "ipv6.addr"
	}
	if client.Port() == 0 {
		return fmt.Sprintf("%s==%s", field, client.Addr())
	}
	if !server.IsValid() {
		return fmt.Sprintf("%s==%s && tcp.port==%d", field, client.Addr(), client.Port())
	}
	return fmt.Sprintf("%s==%s && tcp.port==%d && tcp.port==%d", field, client.Addr(), client.Port(), server.Port())
}
