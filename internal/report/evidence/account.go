package evidence

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// Account says what was cut, and why each connection is in it.
type Account struct {
	Asked     []int64            // connections, by --conn
	Found     []incident.Finding // those asked for
	Witnesses []incident.Finding // others, on whose examples they rest
	Incidents []incident.Incident
	Clients   map[int64]netip.AddrPort // of all connections that were looked at
	Mask      report.Mask

	Packets, Bytes int64 // that were written
}

// maxNumbers bounds the connections that a line lists.
const maxNumbers = 12

// Write writes a line on the whole, and one for each reason.
func (c *Account) Write(w io.Writer, path string, conns []int64) error {
	if path == "-" {
		path = "standard output"
	}
	lines := fmt.Sprintf("wrote %s: %s, %s, %s\n", report.Printable(path), plural(int64(len(conns)), "connection"), plural(c.Packets, "packet"), plural(c.Bytes, "byte"))
	var reasons []string
	of := map[string][]int64{}
	for _, conn := range conns {
		reason := c.reason(conn)
		if of[reason] == nil {
			reasons = append(reasons, reason)
		}
		of[reason] = append(of[reason], conn)
	}
	if len(c.Found) == 0 {
		reasons = nil // all were asked for by number
	}
	for _, reason := range reasons {
		numbers := of[reason]
		slices.Sort(numbers)
		text := strings.Trim(fmt.Sprint(numbers[:min(len(numbers), maxNumbers)]), "[]")
		if more := len(numbers) - maxNumbers; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		label := "connections "
		if len(numbers) == 1 {
			label = "connection "
		}
		lines += report.HangBehind("  ", "    ", label+text+": "+reason)
	}
	_, err := io.WriteString(w, lines)
	return err
}

// reason says why a connection was cut: the first reason that there is.
func (c *Account) reason(conn int64) string {
	if slices.Contains(c.Asked, conn) {
		return "asked for by --conn"
	}
	shows := func(f *incident.Finding) bool {
		return slices.ContainsFunc(f.Examples, func(e incident.Example) bool { return e.Conn == conn })
	}
	for i := range c.Found {
		if f := &c.Found[i]; shows(f) {
			return fmt.Sprintf("example of %s %s (%s)", f.Rule, f.Name, f.Fingerprint)
		}
	}
	for i := range c.Witnesses {
		f := &c.Witnesses[i]
		if !shows(f) {
			continue
		}
		for j := range c.Found {
			if together(c.Incidents, c.Found[j].Fingerprint, f.Fingerprint) {
				return fmt.Sprintf("%s %s, of the same incident as %s (%s)", f.Rule, f.Name, c.Found[j].Rule, f.Fingerprint)
			}
		}
		return fmt.Sprintf("%s %s of the same client or server, on which the judgement rests (%s)", f.Rule, f.Name, f.Fingerprint)
	}
	if client, ok := c.Clients[conn]; ok {
		return fmt.Sprintf("of client %s: the judgement rests on its read timeout, or on how it uses connections", c.Mask.Addr(client.Addr()))
	}
	return "the judgement rests on it"
}

// together reports whether two findings are of one incident.
func together(incidents []incident.Incident, a, b string) bool {
	return slices.ContainsFunc(incidents, func(x incident.Incident) bool {
		has := func(fingerprint string) bool {
			return slices.ContainsFunc(x.Steps, func(s incident.IncidentStep) bool { return slices.Contains(s.Findings, fingerprint) })
		}
		return has(a) && has(b)
	})
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
