package rows

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/communityid"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/resp"
)

// Exchange is one row of the pairs command: a command, the reply that the server meant for it, and the reply that
// its caller got.
type Exchange struct {
	Type string `json:"type"` // "exchange"
	Labelled
	Conn        int64        `json:"conn"`
	Client      string       `json:"client"`
	Server      string       `json:"server"`
	Index       int          `json:"index"`
	Command     string       `json:"command"`
	Key         *string      `json:"key,omitempty"`
	Flow        string       `json:"flow,omitempty"` // community ID of the connection
	File        string       `json:"file,omitempty"` // where several were read
	Frame       int64        `json:"frame"`
	Time        report.Stamp `json:"time"`
	Outstanding int          `json:"outstanding"`
	Flags       []string     `json:"flags,omitempty"` // see flagWords
	Exec        *Exec        `json:"exec,omitempty"`  // of a queued command, whose own reply is QUEUED
	Serves      *Serves      `json:"serves"`          // nil: no reply was seen
	Believes    *Believes    `json:"believes"`        // nil: the caller got no reply
}

// Serves is the reply that the server meant for a command.
type Serves struct {
	Index int          `json:"index"`
	Frame int64        `json:"frame"`
	Time  report.Stamp `json:"time"`
	Kind  string       `json:"kind"`
	Bytes int64        `json:"bytes"`
	Error string       `json:"error,omitempty"` // first line of an error, without its marker
	Value string       `json:"value,omitempty"` // only with --show-values: the reply in words, never a secret
}

// Exec is the element of EXEC's array that answers a queued command.
type Exec struct {
	Element  int    `json:"element"` // from 1
	Kind     string `json:"kind"`
	Bytes    int64  `json:"bytes,omitempty"`    // declared length of a bulk or verbatim string
	Elements int64  `json:"elements,omitempty"` // declared count of an aggregate, pairs of a map
}

// newExec returns nil for a command that no element answers.
func newExec(v pairing.ExecView) *Exec {
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
	Index      int    `json:"index,omitempty"`
	Confidence string `json:"confidence"` // "unknown" where nobody can tell
	Older      bool   `json:"-"`          // the reply to a command from before the capture
}

// String is whose reply it was, and how surely: "#2 strong", or, of no command that was captured, "extra" (no command asked for
// it) or "older" (its command was sent before the capture).
func (b *Believes) String() string {
	switch {
	case b.Index > 0:
		return fmt.Sprintf("#%d %s", b.Index, b.Confidence)
	case b.Confidence == unknown:
		return unknown
	case b.Older:
		return "older, " + b.Confidence
	}
	return "extra, " + b.Confidence
}

const unknown = "unknown"

// flagWords name what a row says about a command beyond its pairing.
var flagWords = [...]struct {
	flag pairing.ExchangeFlags
	word string
}{
	{pairing.NoReplyDue, "no-reply-due"},
	{pairing.Blocks, "blocks"},
	{pairing.Queued, "queued"},
	{pairing.InHandshake, "handshake"},
	{pairing.AfterHole, "after-hole"},
	{pairing.Uncertain, "uncertain"},
	{pairing.NotAwaited, "control"},
	{pairing.Pushed, "pushed"},
	{pairing.Subscribing, "subscribing"},
}

// NewExchange copies what the row needs from e, which may be reused afterwards.
func NewExchange(e *pairing.Exchange, conn int64, client, server netip.AddrPort, file string, mask report.Mask) *Exchange {
	return (&Maker{mask: mask}).Exchange(e, conn, client, server, file)
}

// Maker makes rows of exchanges in the memory of the one before.
type Maker struct {
	mask report.Mask
	row  struct {
		Exchange
		key      string
		serves   Serves
		believes Believes
	}
	ends []ends // of the connections seen last; nil: they are not kept
}

// NewMaker returns a Maker.
func NewMaker(mask report.Mask) *Maker { return &Maker{mask: mask, ends: make([]ends, 256)} }

// ends are what the rows of a connection have in common.
type ends struct {
	of                   [2]netip.AddrPort
	client, server, flow string
}

// common returns what the rows of a connection have in common: hashing it for each takes longer than all else.
func (m *Maker) common(conn int64, client, server netip.AddrPort) *ends {
	x := &ends{}
	if m.ends != nil {
		x = &m.ends[uint64(conn)%uint64(len(m.ends))]
	}
	if of := [2]netip.AddrPort{client, server}; x.of != of || x.flow == "" {
		*x = ends{of, m.mask.End(client), m.mask.End(server), flow(client, server, m.mask)}
	}
	return x
}

// Exchange copies what the row needs from e. The row is valid until the next call.
func (m *Maker) Exchange(e *pairing.Exchange, conn int64, client, server netip.AddrPort, file string) *Exchange {
	mask, x, row := m.mask, m.common(conn, client, server), &m.row.Exchange
	flags := row.Flags[:0]
	*row = Exchange{
		Type: "exchange", Conn: conn, Client: x.client, Server: x.server, Index: e.Index,
		Command: report.CommandName(e), Flow: x.flow, File: report.Printable(file), Frame: e.Frame, Time: report.Stamp(e.Time), Outstanding: e.Outstanding,
	}
	if e.HasKey {
		key := mask.Key(e.Key.Raw())
		if !mask.Keys && !e.Key.Whole() {
			key = report.Shorten(strings.TrimSuffix(key, "...")+"...", report.KeyWidth)
		}
		m.row.key = key
		row.Key = &m.row.key
	}
	for _, f := range flagWords {
		if e.Flags&f.flag != 0 {
			flags = append(flags, f.word)
		}
	}
	row.Flags = flags
	row.Exec = newExec(e.Exec)
	if e.Served {
		row.Serves = &m.row.serves
		*row.Serves = newServes(e.Index, &e.Serves)
		row.Serves.Error = mask.Text(row.Serves.Error)
	}
	switch b := &e.Belief; {
	case b.Outcome == pairing.Unknown, b.Index != 0 && b.Confidence == pairing.Suppressed:
		row.Believes = &m.row.believes
		*row.Believes = Believes{Confidence: unknown}
	case b.Index != 0, b.Outcome != pairing.Plain:
		row.Believes = &m.row.believes
		*row.Believes = Believes{Index: b.Index, Confidence: max(b.Confidence, pairing.Possible).String(), Older: b.Outcome == pairing.Before}
	}
	return row
}

// flow is the community ID of a connection: of the addresses that the row shows, so that it tells no others.
func flow(client, server netip.AddrPort, mask report.Mask) string {
	return communityid.Of(mask.AddrPort(client), mask.AddrPort(server))
}

func newServes(index int, r *pairing.ReplyInfo) Serves {
	s := Serves{Index: index, Frame: r.Frame, Time: report.Stamp(r.Time), Kind: r.Kind.String(), Bytes: r.Bytes()}
	if s.Kind == "error" {
		s.Error = report.ErrorLine(string(r.Text.Raw()))
		if !r.Text.Whole() {
			s.Error += "..."
		}
	}
	return s
}

// SetError gives the row the whole text of its error, of which the analysis keeps the beginning only.
func (row *Exchange) SetError(text string, mask report.Mask) {
	row.Serves.Error = mask.Text(report.ErrorLine(text))
}

func (*Exchange) columns() []string {
	return []string{"conn", "client", "server", "index", "command", "key", "file", "frame", "time", "outstanding", "flags",
		"serves_index", "serves_frame", "serves_time", "serves_kind", "serves_bytes", "error", "believes_index", "believes_confidence", "exec_element", "exec_kind", "flow", "run", "host"}
}

func (r *Exchange) cells() []string {
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
		cells = append(cells, strconv.Itoa(x.Element), x.Kind)
	} else {
		cells = append(cells, "", "")
	}
	return append(cells, r.Flow, r.Run, r.Host)
}

func (r *Exchange) key() string {
	if r.Key == nil {
		return ""
	}
	return *r.Key
}

func (r *Exchange) heading(c report.Clock) string {
	return fmt.Sprintf("%5s %5s %-15s %-26s %6s %-22s %s", "CONN", "INDEX", timeHead(c, r.moment()), "COMMAND", "FRAME", "SERVES", "BELIEVES")
}

func (r *Exchange) moment() capture.Time { return capture.Time(r.Time) }

// line shows a command and its key in one column.
func (r *Exchange) line(c report.Clock, before capture.Time) string {
	what := r.Command
	if r.Key != nil {
		what += " " + *r.Key
	}
	serves := "none seen"
	switch {
	case r.Serves != nil && r.Exec != nil:
		serves = r.Exec.text()
	case r.Serves != nil && r.Serves.Error != "":
		serves = "-" + report.Shorten(r.Serves.Error, 13)
	case r.Serves != nil:
		serves = fmt.Sprintf("%s %d B", r.Serves.Kind, r.Serves.Bytes)
		if r.Serves.Value != "" {
			serves = report.Shorten(r.Serves.Value, 14)
		}
	case slices.Contains(r.Flags, "no-reply-due"):
		serves = "none due"
	}
	if r.Serves != nil {
		serves += " +" + report.BriefGap(capture.Time(r.Serves.Time).Sub(capture.Time(r.Time)))
	}
	believes := "no reply"
	switch {
	case r.Believes != nil && r.Serves != nil && r.Believes.Index == r.Serves.Index:
		believes = "="
	case r.Believes != nil:
		believes = r.Believes.String()
	}
	var notes []string
	if r.Outstanding > 0 {
		notes = append(notes, fmt.Sprintf("out=%d", r.Outstanding))
	}
	for _, f := range r.Flags {
		if f != "handshake" && f != "no-reply-due" {
			notes = append(notes, f)
		}
	}
	tail := believes
	if len(notes) > 0 {
		tail += " (" + strings.Join(notes, ", ") + ")"
	}
	row := fmt.Sprintf("%5d %5d %-15s %-26s %6d %-22s ", r.Conn, r.Index, c.Short(r.moment(), before), report.Shorten(what, 26), r.Frame, serves)
	return report.HangBehind(row, strings.Repeat(" ", continued), tail)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
