package formats

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

var csvColumns = []string{"incident", "verdict", "severity", "confidence", "title", "fingerprint", "clients", "client_list", "servers", "library",
	"first", "last", "calls", "connections", "open_connections", "cause", "rules", "findings", "file", "frame", "filter", "remedy"}

// writeCSV writes one row an incident, and one with the number 0 for each finding about the capture itself.
func writeCSV(w io.Writer, d *report.Document) error {
	out := csv.NewWriter(w)
	if err := out.Write(csvColumns); err != nil {
		return err
	}
	row := func(cells ...string) error {
		for i := range cells {
			cells[i] = report.CSVCell(cells[i])
		}
		return out.Write(cells)
	}
	number := strconv.Itoa
	for i := range d.Incidents {
		in := &d.Incidents[i]
		var clients, servers, findings []string
		for _, c := range in.Clients {
			clients = append(clients, report.AddrText(c))
		}
		for _, x := range in.Servers {
			servers = append(servers, report.AddrPortText(x))
		}
		for _, f := range d.FindingsOf(in) {
			findings = append(findings, f.Fingerprint)
		}
		frame := ""
		if rows := in.Story.Rows; len(rows) > 0 && rows[0].Frame > 0 {
			frame = strconv.FormatInt(rows[0].Frame, 10)
		}
		h := &in.Damage
		err := row(number(in.ID), in.Class.String(), in.Severity.String(), in.Confidence.String(), in.Title, in.Fingerprint, number(h.Clients),
			strings.Join(clients, " "), strings.Join(servers, " "), in.Library, stampText(in.First), stampText(in.Last), number(h.Calls),
			number(h.Connections), number(h.Open), in.Cause.What, rulesOf(in), strings.Join(findings, " "), firstFile(d, in), frame,
			incident.DisplayFilter(in.Story.Client, in.Story.Server), strings.Join(in.Remedy, " "))
		if err != nil {
			return err
		}
	}
	quality, _ := d.Split()
	for _, f := range quality {
		err := row("0", "capture", f.Severity.String(), f.Confidence.String(), f.Title, f.Fingerprint, "", report.AddrText(f.Client),
			report.AddrPortText(f.Server), f.Library, stampText(f.First), stampText(f.Last), "0", number(f.Connections), "", "", f.Rule, f.Fingerprint, "", "",
			"", f.Remedy)
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func stampText(t capture.Time) string {
	if t == 0 {
		return ""
	}
	return report.Stamp(t).String()
}
