package traffic

import (
	"bytes"
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// Bounds of a Recorder. What does not fit is counted under Others.
const (
	maxCommands = 512  // distinct commands
	maxPeers    = 1024 // distinct servers, and distinct clients
	maxErrors   = 128  // distinct classes of errors
	maxHot      = 1024 // keys followed for the hottest
	maxLargest  = 20   // largest commands and replies kept
	maxSlowest  = 20   // slowest commands kept
	maxListed   = 20   // keys in a report

	// Others names what was left out by a bound.
	Others = "(others)"
)

// Row counts the commands of one kind.
type Row struct {
	Name    string
	Count   int64
	Errors  int64
	NoReply int64   // no reply was seen
	In, Out int64   // bytes of commands and of replies
	Took    Latency // from the end of the command to the first byte of its reply
	Blocked Latency // the same of blocking commands, whose wait is no latency
}

// Recorder counts exchanges.
type Recorder struct {
	// FileName names the files of frames, where there are several; nil: none.
	FileName func(file int32) string

	mask     report.Mask
	from, to capture.Time // of all that was counted
	all      Row
	commands map[string]*Row
	servers  map[netip.AddrPort]*Row
	clients  map[netip.Addr]*Row
	errors   map[string]int64
	keys     *hot
	largest  top[Large]
	slowest  top[Slow]
}

// NewRecorder returns an empty Recorder, whose report is masked so.
func NewRecorder(mask report.Mask) *Recorder {
	return &Recorder{
		mask: mask, commands: map[string]*Row{}, servers: map[netip.AddrPort]*Row{}, clients: map[netip.Addr]*Row{}, errors: map[string]int64{}, keys: newHot(maxHot),
		largest: newLargest(), slowest: newSlowest(),
	}
}

// Exchange counts one exchange of the connection conn; e is not kept.
func (r *Recorder) Exchange(e *pairing.Exchange, conn int64, client, server netip.AddrPort) {
	name := report.CommandName(e)
	failed := e.Served && e.Serves.Kind.String() == "error"
	if failed {
		class := errorClass(e.Serves.Text.Raw())
		if _, known := r.errors[class]; !known && len(r.errors) >= maxErrors {
			class = Others
		}
		r.errors[class]++
	}
	rows := [...]*Row{
		&r.all, row(r.commands, name, name, maxCommands), row(r.servers, server, r.mask.AddrPort(server).String(), maxPeers),
		row(r.clients, client.Addr(), r.mask.Addr(client.Addr()).String(), maxPeers),
	}
	for _, x := range rows {
		x.count(e, failed)
	}
	if e.HasKey {
		r.keys.add(e.Key.Raw())
	}
	r.span(e)
	if n := e.End - e.Start; r.largest.takes(n) {
		r.largest.add(Large{Bytes: n, Command: name, Key: r.key(e), Conn: conn, File: r.file(e.File), Frame: e.Frame})
	}
	if !e.Served {
		return
	}
	if n := e.Serves.Bytes(); r.largest.takes(n) {
		r.largest.add(Large{Bytes: n, Reply: true, Command: name, Key: r.key(e), Conn: conn, File: r.file(e.Serves.File), Frame: e.Serves.Frame})
	}
	if took := wait(e); e.Flags&pairing.Blocks == 0 && r.slowest.takes(int64(took)) {
		r.slowest.add(Slow{
			Took: took, Time: report.Stamp(e.Time), Command: name, Key: r.key(e), Conn: conn, Client: r.mask.End(client), Server: r.mask.End(server),
			File: r.file(e.File), Frame: e.Frame,
		})
	}
}

func (r *Recorder) key(e *pairing.Exchange) string {
	if !e.HasKey {
		return ""
	}
	return r.mask.Key(e.Key.Raw())
}

func (r *Recorder) file(file int32) string {
	if r.FileName == nil {
		return ""
	}
	return report.Printable(r.FileName(file))
}

// span widens the time that the counts are of.
func (r *Recorder) span(e *pairing.Exchange) {
	last := e.EndTime
	if e.Served {
		last = max(last, e.Serves.Time)
	}
	if r.all.Count == 1 {
		r.from, r.to = e.Time, last
	}
	r.from, r.to = min(r.from, e.Time), max(r.to, last)
}

// wait is the time from the end of a command to the first byte of its reply.
func wait(e *pairing.Exchange) time.Duration { return max(e.Serves.FirstTime.Sub(e.EndTime), 0) }

// row finds or makes the row of a key; when limit rows exist, all further keys share the zero key's.
func row[K comparable](rows map[K]*Row, key K, name string, limit int) *Row {
	if x := rows[key]; x != nil {
		return x
	}
	if len(rows) >= limit {
		var zero K
		key, name = zero, Others
		if x := rows[key]; x != nil {
			return x
		}
	}
	x := &Row{Name: name}
	rows[key] = x
	return x
}

func (x *Row) count(e *pairing.Exchange, failed bool) {
	x.Count++
	x.In += e.End - e.Start
	if failed {
		x.Errors++
	}
	if !e.Served {
		if e.Flags&pairing.NoReplyDue == 0 {
			x.NoReply++
		}
		return
	}
	x.Out += e.Serves.Bytes()
	took := wait(e)
	if e.Flags&pairing.Blocks != 0 {
		x.Blocked.Add(took)
	} else {
		x.Took.Add(took)
	}
}

// errorClass is the first word of an error line: WRONGTYPE, MOVED, ERR.
func errorClass(line []byte) string {
	word, _, _ := bytes.Cut(bytes.TrimLeft(line, "-!"), []byte(" "))
	if len(word) > 24 || len(word) == 0 || strings.Trim(string(word), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "(no class)"
	}
	return string(word)
}

// HotKey is a key with how often it was a command's first key. Over says by how much the count may be too high.
type HotKey struct {
	Key         string
	Count, Over int64
}

// Report is what a Recorder has counted, most frequent first.
type Report struct {
	All                        *Row
	Commands, Servers, Clients []*Row
	Errors                     []incident.Tally
	Keys                       []HotKey
	Largest                    []Large
	Slowest                    []Slow // without blocking commands
	From, To                   capture.Time
}

// Seconds returns the time that the counts are of, from the first command to the last reply; 0 where it is too short to
// give rates: less than a millisecond, or fewer than two commands.
func (p *Report) Seconds() float64 {
	if d := p.To.Sub(p.From); p.All.Count > 1 && d >= time.Millisecond {
		return d.Seconds()
	}
	return 0
}

// Share returns which part of all waiting for replies was for the commands of a row, blocking ones apart.
func (p *Report) Share(x *Row) float64 {
	if p.All.Took.Sum() == 0 {
		return 0
	}
	return float64(x.Took.Sum()) / float64(p.All.Took.Sum())
}

// Report returns the counts; its rows are those of the Recorder.
func (r *Recorder) Report() *Report {
	p := &Report{
		All: &r.all, Commands: sorted(r.commands), Servers: sorted(r.servers), Clients: sorted(r.clients),
		Largest: r.largest.items, Slowest: r.slowest.items, From: r.from, To: r.to,
	}
	r.all.Name = "all"
	for class, n := range r.errors {
		p.Errors = append(p.Errors, incident.Tally{Label: class, Count: int(n)})
	}
	slices.SortFunc(p.Errors, func(a, b incident.Tally) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Label, b.Label))
	})
	for _, k := range r.keys.top(maxListed) {
		p.Keys = append(p.Keys, HotKey{r.mask.Key([]byte(k.key)), k.count, k.over})
	}
	return p
}

func sorted[K comparable](rows map[K]*Row) []*Row {
	return slices.SortedFunc(maps.Values(rows), func(a, b *Row) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
}
