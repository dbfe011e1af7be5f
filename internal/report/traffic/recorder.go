package traffic

import (
	"bytes"
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
)

// Bounds of a Recorder. What does not fit is counted under Others.
const (
	maxCommands = 512  // distinct commands
	maxPeers    = 1024 // distinct servers, and distinct clients
	maxErrors   = 128  // distinct classes of errors
	maxHot      = 1024 // keys followed for the hottest
	maxLargest  = 20   // largest commands and replies kept
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
	mask     report.Mask
	all      Row
	commands map[string]*Row
	servers  map[netip.AddrPort]*Row
	clients  map[netip.Addr]*Row
	errors   map[string]int64
	keys     *hot
	largest  []Large
}

// Large is a command or a reply of many bytes.
type Large struct {
	Bytes   int64
	Reply   bool
	Command string
	Key     string
	Conn    int64
	Frame   int64
}

// NewRecorder returns an empty Recorder, whose report is masked so.
func NewRecorder(mask report.Mask) *Recorder {
	return &Recorder{
		mask: mask, commands: map[string]*Row{}, servers: map[netip.AddrPort]*Row{}, clients: map[netip.Addr]*Row{}, errors: map[string]int64{}, keys: newHot(maxHot),
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
	key := ""
	if e.HasKey {
		r.keys.add(e.Key.Raw())
		key = r.mask.Key(e.Key.Raw())
	}
	r.large(Large{Bytes: e.End - e.Start, Command: name, Key: key, Conn: conn, Frame: e.Frame})
	if e.Served {
		r.large(Large{Bytes: e.Serves.Bytes(), Reply: true, Command: name, Key: key, Conn: conn, Frame: e.Serves.Frame})
	}
}

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
	took := e.Serves.FirstTime.Sub(e.EndTime)
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

func (r *Recorder) large(l Large) {
	if len(r.largest) == maxLargest && l.Bytes <= r.largest[maxLargest-1].Bytes {
		return
	}
	at, _ := slices.BinarySearchFunc(r.largest, l, func(a, b Large) int { return cmp.Compare(b.Bytes, a.Bytes) })
	r.largest = slices.Insert(r.largest, at, l)
	if len(r.largest) > maxLargest {
		r.largest = r.largest[:maxLargest]
	}
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
}

// Report returns the counts; its rows are those of the Recorder.
func (r *Recorder) Report() *Report {
	p := &Report{All: &r.all, Commands: sorted(r.commands), Servers: sorted(r.servers), Clients: sorted(r.clients), Largest: r.largest}
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
