// Package tally counts what a run saw: the figures of a report, beside the findings.
package tally

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/notice"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/reassembly"
)

// maxParties bounds the distinct clients, and the distinct servers, that are counted.
const maxParties = 1 << 16

// Tally holds the stages that count, and what they do not count themselves. A live run that begins its analysis anew keeps
// its Tally.
type Tally struct {
	run       *analysis.Run
	assembler *reassembly.Assembler
	earlier   reassembly.Stats  // of the assemblers before this one
	unread    reassembly.Unread // of them
	limits    bound.Set         // what they and the earlier analyses reached, and its own
	parties   *bound.Bound
	clients   addrs
	servers   map[netip.AddrPort]bool
	looked    *report.Summary // of the connections that a filter chose; nil: all are looked at
}

// Watch sets the stages of the analysis that begins.
func (t *Tally) Watch(run *analysis.Run, assembler *reassembly.Assembler) {
	t.earlier = t.Stats()
	if t.run != nil {
		t.unread = t.Unread()
		t.limits.Add(t.run.Bounds())
		t.limits.Add(t.assembler.Bounds())
	}
	t.run, t.assembler = run, assembler
	if t.servers == nil {
		t.clients, t.servers = newAddrs(), map[netip.AddrPort]bool{}
		t.parties = t.limits.New(bound.Bound{
			Name: "clients and servers that are counted", Limit: maxParties, Hides: "how many further ones there are: the numbers given are the least", Loses: bound.Detail,
		})
	}
}

// OnlyChosen says that the events are those of some connections: only these are counted.
func (t *Tally) OnlyChosen() { t.looked = &report.Summary{} }

// Stats sums what the assemblers counted since the first Watch, as far as reports show it.
func (t *Tally) Stats() reassembly.Stats {
	sum := t.earlier
	if t.assembler == nil {
		return sum
	}
	s := t.assembler.Stats()
	sum.Packets += s.Packets
	sum.Conns += s.Conns
	sum.LostBytes += s.LostBytes
	sum.Holes += s.Holes
	sum.Truncated += s.Truncated
	sum.SnapLen = max(sum.SnapLen, s.SnapLen)
	sum.Duplicates += s.Duplicates
	sum.Backwards += s.Backwards
	sum.NonTCP += s.NonTCP
	sum.NonIP += s.NonIP
	sum.FragmentsDropped += s.FragmentsDropped
	sum.Conflicts += s.Conflicts
	for i, n := range s.Undecodable {
		sum.Undecodable[i] += n
	}
	return sum
}

// Unread sums what the packets without TCP carried since the first Watch.
func (t *Tally) Unread() reassembly.Unread {
	sum := reassembly.Unread{}
	sum.Add(t.unread)
	if t.assembler != nil {
		sum.Add(t.assembler.Unread())
	}
	return sum
}

// Events passes events through and counts who took part.
func (t *Tally) Events(events iter.Seq2[pairing.Event, error]) iter.Seq2[pairing.Event, error] {
	return func(yield func(pairing.Event, error) bool) {
		for event, err := range events {
			c, ok := event.(*analysis.ConnSummary)
			if ok && t.looked != nil {
				t.looked.Connections++
				if c.Protocol != "tls" { // else they are writes
					t.looked.Commands += int64(c.Commands)
					t.looked.Replies += int64(c.Replies)
					t.looked.Redis += int64(min(c.Commands, 1))
				}
			}
			if ok && c.Commands+c.Replies > 0 {
				t.clients.count(c.Client.Addr(), t.parties)
				count(t.servers, c.Server, t.parties)
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

func count[K comparable](seen map[K]bool, key K, limit *bound.Bound) {
	if !seen[key] && limit.Admits(len(seen)) {
		seen[key] = true
	}
}

// Quality returns what the stages count about the capture itself.
func (t *Tally) Quality(drops capture.Drops) report.Quality {
	st := t.Stats()
	s := t.run.Summary()
	q := report.Quality{
		LostBytes: st.LostBytes, Holes: st.Holes, CutPackets: st.Truncated, Snaplen: st.SnapLen, Duplicates: st.Duplicates,
		Backwards: st.Backwards, MidStream: s.MidStream, OneSided: s.OneSided, Encrypted: s.Encrypted, SealedWrites: s.SealedWrites, Decrypted: s.Decrypted, Unparsed: s.Unparsed,
		KernelDrops: Lost(drops), Failed: s.Failed,
	}
	for _, n := range st.Undecodable {
		q.Undecodable += n
	}
	q.NotTCP = st.NonTCP + st.NonIP
	q.Fragments, q.Conflicts = st.FragmentsDropped, st.Conflicts
	unread := t.Unread()
	for _, c := range unread.Ranked()[:min(len(unread), report.UnreadShown)] {
		q.Unread = append(q.Unread, report.Unread{What: c.String(), Packets: unread[c]})
	}
	return q
}

// Bounds returns the limits that were reached, by name, of all analyses together.
func (t *Tally) Bounds() []report.Bound {
	var all bound.Set
	all.Add(&t.limits)
	all.Add(t.run.Bounds())
	all.Add(t.assembler.Bounds())
	return Reached(&all)
}

// Reached returns the limits of a set that were reached, as a report has them.
func Reached(set *bound.Set) []report.Bound {
	var reached []report.Bound
	for _, b := range set.Reached() {
		loses := report.Detail
		if b.Loses == bound.Evidence {
			loses = report.Evidence
		}
		reached = append(reached, report.Bound{Name: b.Name, Limit: int64(b.Limit), Hits: b.Hits, Hides: b.Hides, Loses: loses})
	}
	return reached
}

// Lost returns how many packets a capturing side lost.
func Lost(d capture.Drops) int64 { return d.Kernel + d.Interface }

// listed lists who took part, where they are few.
func (t *Tally) listed() (p report.Parties) {
	if t.clients.len() <= report.MaxParties && len(t.servers) <= report.MaxParties {
		p.Clients = t.clients.sorted()
		p.Servers = slices.SortedFunc(maps.Keys(t.servers), netip.AddrPort.Compare)
	}
	return p
}

// Summary returns what was seen, but for its times.
func (t *Tally) Summary() report.Summary {
	s := t.run.Summary()
	if x := t.looked; x != nil {
		s.Connections, s.RESP, s.Commands, s.Replies = x.Connections, x.Redis, x.Commands, x.Replies
	}
	return report.Summary{
		Parties: t.listed(), Packets: t.Stats().Packets, Connections: s.Connections, Redis: s.RESP, Commands: s.Commands, Replies: s.Replies,
		Clients: int64(t.clients.len()), Servers: int64(len(t.servers)), Suppressed: s.Suppressed,
	}
}

// Complete fills in the quality of the capture, and whether a clean result can be trusted as far as the stages know. What
// failed inside is warned of too. name names the capture files.
func (t *Tally) Complete(d *report.Document, drops capture.Drops, log *notice.Log, name func(file int32) string) {
	d.Quality = t.Quality(drops)
	d.Reach(t.Bounds()...)
	d.Complete = d.Complete && d.Quality.Failed == 0
	for _, x := range t.run.Doubts() {
		d.Doubts = append(d.Doubts, report.Doubt(x))
	}
	for _, f := range t.run.Failures() {
		text := failureText(&f, name)
		d.Warnings = append(d.Warnings, text)
		log.Warn("%s", text)
		for line := range strings.Lines(string(f.Stack)) {
			log.Detail("%s", strings.TrimRight(line, "\n"))
		}
	}
}

// failureText describes where the analysis failed.
func failureText(f *analysis.Failure, name func(file int32) string) string {
	where := "a rule"
	if f.Rule != "" {
		where = "the beginning of " + f.Rule + ", which reports nothing"
	}
	if f.Conn > 0 {
		where = fmt.Sprintf("connection %d", f.Conn)
	}
	if f.Frame > 0 {
		where += fmt.Sprintf(", %s frame %d", name(f.File), f.Frame)
	}
	return fmt.Sprintf("internal error at %s: %s; this is a fault of respsniff, -v shows where", where, f.Text)
}
