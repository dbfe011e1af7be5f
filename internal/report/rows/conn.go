package rows

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/reassembly"
)

// Conn is one row of the conns command.
type Conn struct {
	Type string `json:"type"` // "conn"
	Labelled
	Conn          int64        `json:"conn"`
	Client        string       `json:"client"`
	Server        string       `json:"server"`
	Flow          string       `json:"flow,omitempty"` // community ID
	File          string       `json:"file,omitempty"` // which has its first packet, where several were read
	First         report.Stamp `json:"first"`
	Last          report.Stamp `json:"last"`
	Start         string       `json:"start"`
	End           string       `json:"end"`
	Protocol      string       `json:"protocol,omitempty"`
	RoleBy        string       `json:"role_by,omitempty"`
	Commands      int          `json:"commands"`
	Replies       int          `json:"replies"`
	Policy        string       `json:"policy"`
	Library       string       `json:"library,omitempty"`
	Version       string       `json:"version,omitempty"`
	ReadTimeoutMS *float64     `json:"read_timeout_ms,omitempty"` // nil: not known
	Dirty         bool         `json:"dirty"`
	Behind        int          `json:"behind"`
	LostBytes     int64        `json:"lost_bytes"`
	Findings      []string     `json:"findings"`
	TLS           *TLS         `json:"tls,omitempty"`
}

// TLS is what was found out of the encryption of a connection.
type TLS struct {
	Version    string `json:"version,omitempty"` // "TLS 1.3"
	Suite      string `json:"suite,omitempty"`
	Resumed    bool   `json:"resumed"`
	KeyUpdates int    `json:"key_updates"`
	Records    int64  `json:"records"` // with content of the application
	Read       int64  `json:"read"`
	Unverified int64  `json:"unverified,omitempty"` // of those read: in part, so that nothing could check them
	Unread     string `json:"unread,omitempty"`     // why the others were not read
}

func newTLS(e *reassembly.Encryption) *TLS {
	if e == nil {
		return nil
	}
	return &TLS{e.Version, e.Suite, e.Resumed, e.KeyUpdates, e.Records, e.Read, e.Unverified, e.Unread}
}

// cells are those of the columns of TLS, which are empty where there is none.
func (t *TLS) cells() []string {
	if t == nil {
		return make([]string, 8)
	}
	return []string{t.Version, t.Suite, strconv.FormatBool(t.Resumed), strconv.Itoa(t.KeyUpdates), itoa(t.Records), itoa(t.Read), itoa(t.Unverified), t.Unread}
}

// notes says it in words.
func (t *TLS) notes() []string {
	if t == nil {
		return nil
	}
	notes := []string{strings.TrimSpace(cmp.Or(t.Version, "TLS") + " " + t.Suite)}
	if t.Resumed {
		notes = append(notes, "resumed")
	}
	if t.KeyUpdates > 0 {
		notes = append(notes, fmt.Sprintf("key updates=%d", t.KeyUpdates))
	}
	if t.Records > 0 {
		notes = append(notes, fmt.Sprintf("read=%d/%d records", t.Read, t.Records))
	}
	if t.Unverified > 0 {
		notes = append(notes, fmt.Sprintf("unverified=%d", t.Unverified))
	}
	if t.Unread != "" {
		notes = append(notes, "("+t.Unread+")")
	}
	return notes
}

// NewConn makes a row of a connection's summary. file is shown unless it is empty.
func NewConn(c *analysis.ConnSummary, file string, mask report.Mask) *Conn {
	row := &Conn{
		Type: "conn", Conn: c.ID, Client: mask.End(c.Client), Server: mask.End(c.Server),
		Flow: flow(c.Client, c.Server, mask), File: report.Printable(file),
		First: report.Stamp(c.First), Last: report.Stamp(c.Last), Start: c.Start, End: c.End, Protocol: c.Protocol, RoleBy: c.RoleBy,
		Commands: c.Commands, Replies: c.Replies, Policy: c.Policy, Library: report.Printable(c.Library),
		Version: report.Printable(c.Version), Dirty: c.Dirty, Behind: c.Behind, LostBytes: c.LostBytes,
		Findings: findings(c.Findings), TLS: newTLS(c.Encryption),
	}
	if c.ReadTimeout > 0 {
		ms := float64(c.ReadTimeout.Round(10*time.Microsecond)) / 1e6
		row.ReadTimeoutMS = &ms
	}
	return row
}

func (*Conn) columns() []string {
	return []string{"conn", "client", "server", "first", "last", "start", "end", "protocol", "role_by", "commands", "replies",
		"policy", "library", "version", "read_timeout_ms", "dirty", "behind", "lost_bytes", "findings", "flow", "file", "run", "host",
		"tls_version", "tls_suite", "tls_resumed", "tls_key_updates", "tls_records", "tls_read", "tls_unverified", "tls_unread"}
}

func (r *Conn) cells() []string {
	return append([]string{itoa(r.Conn), r.Client, r.Server, r.First.String(), r.Last.String(), r.Start, r.End, r.Protocol, r.RoleBy,
		strconv.Itoa(r.Commands), strconv.Itoa(r.Replies), r.Policy, r.Library, r.Version, r.timeout(),
		strconv.FormatBool(r.Dirty), strconv.Itoa(r.Behind), itoa(r.LostBytes), strings.Join(r.Findings, " "), r.Flow, r.File, r.Run, r.Host}, r.TLS.cells()...)
}

func (r *Conn) timeout() string {
	if r.ReadTimeoutMS == nil {
		return ""
	}
	return strconv.FormatFloat(*r.ReadTimeoutMS, 'f', -1, 64)
}

func (r *Conn) heading(c report.Clock) string {
	return fmt.Sprintf("%5s %-21s %-21s %-8s %6s %6s %-9s %s\n%s%s", "CONN", "CLIENT", "SERVER", "ENDS", "CMDS", "REPL", "POLICY", "LIBRARY", strings.Repeat(" ", continued), timeHead(c, r.moment()))
}

func (r *Conn) moment() capture.Time { return capture.Time(r.First) }

// line has the figures on a first line, and what is remarkable on a second one.
func (r *Conn) line(c report.Clock, before capture.Time) string {
	notes := []string{c.Short(r.moment(), before), "for " + report.Gap(capture.Time(r.Last).Sub(capture.Time(r.First)))}
	if r.Protocol != "" && r.Protocol != "resp" {
		notes = append(notes, r.Protocol)
	}
	notes = append(notes, r.TLS.notes()...)
	if r.ReadTimeoutMS != nil {
		notes = append(notes, "T="+r.timeout()+" ms")
	}
	if r.Dirty {
		notes = append(notes, "DIRTY")
	}
	if r.Behind > 0 {
		notes = append(notes, fmt.Sprintf("behind=%d", r.Behind))
	}
	if r.LostBytes > 0 {
		notes = append(notes, fmt.Sprintf("lost=%d B", r.LostBytes))
	}
	notes = append(notes, r.Findings...)
	indent := strings.Repeat(" ", continued)
	start := strings.TrimSuffix(r.Start, "stream")
	row := fmt.Sprintf("%5d %-21s %-21s %-8s %6d %6d %-9s %s", r.Conn, r.Client, r.Server, start+"-"+r.End, r.Commands, r.Replies,
		r.Policy, report.Shorten(strings.TrimSpace(r.Library+" "+r.Version), 14))
	return strings.TrimRight(row, " ") + "\n" + report.HangBehind(indent, indent, strings.Join(notes, " "))
}

// findings copies the IDs of rules, for a list that is never null in JSON.
func findings(ids []string) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = report.Printable(id)
	}
	return list
}
