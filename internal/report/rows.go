package report

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

// keyWidth is how much of a key any output shows, in characters.
const keyWidth = 64

// ExchangeRow is one row of the pairs command: a command, the reply that the server meant for it, and the reply that
// its caller got.
type ExchangeRow struct {
	Type        string    `json:"type"` // "exchange"
	Conn        int64     `json:"conn"`
	Client      string    `json:"client"`
	Server      string    `json:"server"`
	Index       int       `json:"index"`
	Command     string    `json:"command"`
	Key         *string   `json:"key,omitempty"`
	File        string    `json:"file,omitempty"`
	Frame       int64     `json:"frame"`
	Time        Stamp     `json:"time"`
	Outstanding int       `json:"outstanding"`
	Flags       []string  `json:"flags,omitempty"` // see flagWords
	Exec        *Exec     `json:"exec,omitempty"`  // of a queued command, whose own reply is QUEUED
	Serves      *Serves   `json:"serves"`          // nil: no reply was seen
	Believes    *Believes `json:"believes"`        // nil: the caller got no reply
}

// Serves is the reply that the server meant for a command.
type Serves struct {
	Index int    `json:"index"`
	Frame int64  `json:"frame"`
	Time  Stamp  `json:"time"`
	Kind  string `json:"kind"`
	Bytes int64  `json:"bytes"`
	Error string `json:"error,omitempty"` // first line of an error, without its marker
	Value string `json:"value,omitempty"` // only with --show-values: the reply in words, never a secret
}

// Exec is the element of EXEC's array that answers a queued command.
type Exec struct {
	Element  int    `json:"element"` // from 1
	Kind     string `json:"kind"`
	Bytes    int64  `json:"bytes,omitempty"`    // declared length of a bulk or verbatim string
	Elements int64  `json:"elements,omitempty"` // declared count of an aggregate, pairs of a map
}

// newExec returns nil for a command that no element answers.
func newExec(v analysis.ExecView) *Exec {
	if v.Element == 0 {
		return nil
	}
	x := &Exec{Element: v.Element, Kind: v.Kind.String()}
	switch {
	case v.Kind == resp.Bulk || v.Kind == resp.Verbatim:
		x.Bytes = v.N
	case v.Kind.Aggregate():
		x.Elements = v.N
	}
	return x
}

// text is the element in two words: rows are short.
func (x *Exec) text() string { return fmt.Sprintf("EXEC[%d] %s", x.Element, x.Kind) }

// Believes says whose reply the caller of a command got.
type Believes struct {
	Index      int    `json:"index"`
	Confidence string `json:"confidence"`
}

// flagWords name what a row says about a command beyond its pairing.
var flagWords = [...]struct {
	flag analysis.ExchangeFlags
	word string
}{
	{analysis.NoReplyDue, "no-reply-due"},
	{analysis.Blocks, "blocks"},
	{analysis.Queued, "queued"},
	{analysis.InHandshake, "handshake"},
	{analysis.AfterHole, "after-hole"},
	{analysis.Uncertain, "uncertain"},
	{analysis.NotAwaited, "control"},
	{analysis.Pushed, "pushed"},
	{analysis.Subscribing, "subscribing"},
}

// NewExchangeRow copies what the row needs from e, which may be reused afterwards.
func NewExchangeRow(e *analysis.Exchange, conn int64, client, server netip.AddrPort, file string, mask Mask) *ExchangeRow {
	row := &ExchangeRow{
		Type: "exchange", Conn: conn, Client: addrPortText(mask.AddrPort(client)), Server: addrPortText(mask.AddrPort(server)), Index: e.Index,
		Command: CommandName(e), File: Printable(file), Frame: e.Frame, Time: Stamp(e.Time), Outstanding: e.Outstanding,
	}
	if e.HasKey {
		key := mask.Key(e.Key.Raw())
		if !mask.Keys && !e.Key.Whole() {
			key = Shorten(strings.TrimSuffix(key, "...")+"...", keyWidth)
		}
		row.Key = &key
	}
	for _, f := range flagWords {
		if e.Flags&f.flag != 0 {
			row.Flags = append(row.Flags, f.word)
		}
	}
	row.Exec = newExec(e.Exec)
	if e.Served {
		row.Serves = newServes(e.Index, &e.Serves)
		row.Serves.Error = mask.Text(row.Serves.Error)
	}
	if e.Belief.Index != 0 {
		row.Believes = &Believes{Index: e.Belief.Index, Confidence: max(e.Belief.Confidence, analysis.Possible).String()}
	}
	return row
}

func newServes(index int, r *analysis.ReplyInfo) *Serves {
	s := &Serves{Index: index, Frame: r.Frame, Time: Stamp(r.Time), Kind: r.Kind.String(), Bytes: r.Bytes()}
	if s.Kind == "error" {
		s.Error = ErrorLine(string(r.Text.Raw()))
		if !r.Text.Whole() {
			s.Error += "..."
		}
	}
	return s
}

// SetError gives the row the whole text of its error, of which the analysis keeps the beginning only.
func (row *ExchangeRow) SetError(text string, mask Mask) {
	row.Serves.Error = mask.Text(ErrorLine(text))
}

// CommandName gives the table's name ("CLIENT REPLY"), or the name as sent, in upper case.
func CommandName(e *analysis.Exchange) string {
	if e.Command != nil {
		return strings.ReplaceAll(e.Command.Name, "|", " ")
	}
	return Shorten(Printable(strings.ToUpper(string(e.Name.Raw()))), keyWidth)
}

// ConnRow is one row of the conns command.
type ConnRow struct {
	Type          string   `json:"type"` // "conn"
	Conn          int64    `json:"conn"`
	Client        string   `json:"client"`
	Server        string   `json:"server"`
	First         Stamp    `json:"first"`
	Last          Stamp    `json:"last"`
	Start         string   `json:"start"`
	End           string   `json:"end"`
	Protocol      string   `json:"protocol,omitempty"`
	RoleBy        string   `json:"role_by,omitempty"`
	Commands      int      `json:"commands"`
	Replies       int      `json:"replies"`
	Policy        string   `json:"policy"`
	Library       string   `json:"library,omitempty"`
	Version       string   `json:"version,omitempty"`
	ReadTimeoutMS *float64 `json:"read_timeout_ms,omitempty"` // nil: not known
	Dirty         bool     `json:"dirty"`
	Behind        int      `json:"behind"`
	LostBytes     int64    `json:"lost_bytes"`
	Findings      []string `json:"findings"`
}

// NewConnRow makes a row of a connection's summary.
func NewConnRow(c *analysis.ConnSummary, mask Mask) *ConnRow {
	row := &ConnRow{
		Type: "conn", Conn: c.ID, Client: addrPortText(mask.AddrPort(c.Client)), Server: addrPortText(mask.AddrPort(c.Server)),
		First: Stamp(c.First), Last: Stamp(c.Last), Start: c.Start, End: c.End, Protocol: c.Protocol, RoleBy: c.RoleBy,
		Commands: c.Commands, Replies: c.Replies, Policy: c.Policy, Library: Printable(c.Library),
		Version: Printable(c.Version), Dirty: c.Dirty, Behind: c.Behind, LostBytes: c.LostBytes,
		Findings: orEmpty(printables(c.Findings)),
	}
	if c.ReadTimeout > 0 {
		ms := float64(c.ReadTimeout.Round(10*time.Microsecond)) / 1e6
		row.ReadTimeoutMS = &ms
	}
	return row
}

// Row is what RowWriter writes: an *ExchangeRow or a *ConnRow.
type Row interface {
	columns() []string
	cells() []string
	heading(Clock) string
	line(c Clock, before capture.Time) string
	moment() capture.Time
}

func (*ExchangeRow) columns() []string {
	return []string{"conn", "client", "server", "index", "command", "key", "file", "frame", "time", "outstanding", "flags",
		"serves_index", "serves_frame", "serves_time", "serves_kind", "serves_bytes", "error", "believes_index", "believes_confidence", "exec_element", "exec_kind"}
}

func (r *ExchangeRow) cells() []string {
	cells := []string{itoa(r.Conn), r.Client, r.Server, strconv.Itoa(r.Index), r.Command, r.key(), r.File, itoa(r.Frame),
		r.Time.String(), strconv.Itoa(r.Outstanding), strings.Join(r.Flags, " ")}
	if s := r.Serves; s != nil {
		cells = append(cells, strconv.Itoa(s.Index), itoa(s.Frame), s.Time.String(), s.Kind, itoa(s.Bytes), s.Error)
	} else {
		cells = append(cells, "", "", "", "", "", "")
	}
	if b := r.Believes; b != nil {
		cells = append(cells, strconv.Itoa(b.Index), b.Confidence)
	} else {
		cells = append(cells, "", "")
	}
	if x := r.Exec; x != nil {
		return append(cells, strconv.Itoa(x.Element), x.Kind)
	}
	return append(cells, "", "")
}

func (r *ExchangeRow) key() string {
	if r.Key == nil {
		return ""
	}
	return *r.Key
}

func (*ConnRow) columns() []string {
	return []string{"conn", "client", "server", "first", "last", "start", "end", "protocol", "role_by", "commands", "replies",
		"policy", "library", "version", "read_timeout_ms", "dirty", "behind", "lost_bytes", "findings"}
}

func (r *ConnRow) cells() []string {
	return []string{itoa(r.Conn), r.Client, r.Server, r.First.String(), r.Last.String(), r.Start, r.End, r.Protocol, r.RoleBy,
		strconv.Itoa(r.Commands), strconv.Itoa(r.Replies), r.Policy, r.Library, r.Version, r.timeout(),
		strconv.FormatBool(r.Dirty), strconv.Itoa(r.Behind), itoa(r.LostBytes), strings.Join(r.Findings, " ")}
}

func (r *ConnRow) timeout() string {
	if r.ReadTimeoutMS == nil {
		return ""
	}
	return strconv.FormatFloat(*r.ReadTimeoutMS, 'f', -1, 64)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
