// Package stages prints what a stage of the analysis made of a capture, one line an item.
package stages

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/rows"
	"github.com/respsniff/respsniff/reassembly"
)

var endWords = [...]string{"", "fin", "rst", "reused", "evicted", "capture"}

// Segment is a segment in one line, whose addresses are masked.
func Segment(s *reassembly.Segment, mask report.Mask) string {
	from, to := mask.AddrPort(s.Conn.Ends[s.From]), mask.AddrPort(s.Conn.Ends[s.From.Other()])
	if s.End != reassembly.NotEnded {
		return fmt.Sprintf("%s conn=%d end=%s\n", report.Stamp(s.Time), s.Conn.ID, endWords[s.End])
	}
	ack := "-"
	if s.Ack != reassembly.NoAck {
		ack = fmt.Sprint(s.Ack)
	}
	line := fmt.Sprintf("%s conn=%d frame=%d %v>%v %s off=%d len=%d cap=%d ack=%s win=%d", report.Stamp(s.Time), s.Conn.ID,
		s.Frame, from, to, flagText(s.Flags), s.Offset, s.Length, len(s.Payload), ack, s.Window)
	for _, mark := range []struct {
		on   bool
		word string
	}{
		{s.Missing > 0, fmt.Sprintf(" missing=%d", s.Missing)}, {s.Repeated > 0, fmt.Sprintf(" repeated=%d", s.Repeated)},
		{s.Late, " late"}, {s.Conflict, " conflict"}, {s.Probe, " probe"},
		{s.HasTS, fmt.Sprintf(" tsval=%d tsecr=%d", s.TSVal, s.TSEcr)},
	} {
		if mark.on {
			line += mark.word
		}
	}
	return line + "\n"
}

// flagText writes flags as tcpdump does, for instance "P." for PSH and ACK.
func flagText(f reassembly.Flags) string {
	text := ""
	for _, x := range []struct {
		flag reassembly.Flags
		mark string
	}{{reassembly.FIN, "F"}, {reassembly.SYN, "S"}, {reassembly.RST, "R"}, {reassembly.PSH, "P"}, {reassembly.URG, "U"}, {reassembly.ACK, "."}} {
		if f&x.flag != 0 {
			text += x.mark
		}
	}
	return "[" + text + "]"
}

// Exchange is an exchange in one line. file names its capture, where there are several.
func Exchange(e *pairing.Exchange, file string, mask report.Mask) string {
	row := rows.NewExchange(e, e.Session.ID, e.Session.Client, e.Session.Server, file, mask)
	line := fmt.Sprintf("%s conn=%d #%d %s frame=%d stream=[%d,%d) ack=%d batch=%d outstanding=%d owed=%d", row.Time, row.Conn,
		row.Index, row.Command, row.Frame, e.Start, e.End, e.Ack, e.Batch, e.Outstanding, e.Owed)
	if row.Key != nil {
		line += fmt.Sprintf(" key=%s", *row.Key)
	}
	for _, flag := range row.Flags {
		line += " " + flag
	}
	if e.Late {
		line += " late"
	}
	if s := row.Serves; s != nil {
		line += fmt.Sprintf(" | serves %s frame=%d %s stream=[%d,%d) k=%d", s.Kind, s.Frame, s.Time, e.Serves.Start, e.Serves.End, e.Serves.K)
		if s.Error != "" {
			line += fmt.Sprintf(" %q", s.Error)
		}
	}
	if b := row.Believes; b != nil {
		line += " | believes " + b.String()
	}
	return line + "\n"
}
