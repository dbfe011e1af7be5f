package merge

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// at is a run with one finding.
func at(host string, rule string, client, server string, first, last capture.Time, count int) Run {
	f := incident.Finding{
		Rule: rule, Name: "x", Severity: incident.High, Confidence: pairing.Strong, Title: "5 things", Fingerprint: rule + "-000000000000",
		First: first, Last: last, Count: count, Server: netip.MustParseAddrPort(server),
	}
	if client != "" {
		c := netip.MustParseAddrPort(client)
		f.Client, f.Connections = c.Addr(), 1
		f.Examples = []incident.Example{{Client: c, Server: f.Server, Time: first, File: "a.pcap"}}
	}
	d := &report.Document{Complete: true, Findings: []incident.Finding{f}, Label: report.Label{Host: host}}
	d.Summary = report.Summary{Packets: 10, Clients: 1, Servers: 1, First: first, Last: last, Parties: report.Parties{Servers: []netip.AddrPort{f.Server}}}
	return Run{Name: host + ".json", Doc: d}
}

func merged(runs ...Run) *report.Document { return Documents(report.Tool{}, runs, nil) }

// TestServersAreSeenByAll: a stall that two hosts saw is one, those of two days are two.
func TestServersAreSeenByAll(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []Run
		want int
	}{
		{"at once", []Run{at("a", "RS401", "", "10.0.0.9:6379", 100, 200, 5), at("b", "RS401", "", "10.0.0.9:6379", 150, 250, 7)}, 7},
		{"one after another", []Run{at("a", "RS401", "", "10.0.0.9:6379", 100, 200, 5), at("a", "RS401", "", "10.0.0.9:6379", 300, 400, 7)}, 12},
		{"a client's", []Run{at("a", "RS210", "10.0.0.1:4000", "10.0.0.9:6379", 100, 200, 5), at("b", "RS210", "10.0.0.1:4001", "10.0.0.9:6379", 150, 250, 7)}, 12},
	} {
		d := merged(c.runs...)
		if len(d.Findings) != 1 || d.Findings[0].Count != c.want || len(d.Incidents) != 1 {
			t.Errorf("%s: %+v", c.name, d.Findings)
		}
		if d.Summary.Servers != 1 || d.Summary.Packets != 20 {
			t.Errorf("%s: %+v", c.name, d.Summary)
		}
	}
}

// TestRolesKeepTheirNumbers: of two clients of one role the second finding has a number, whatever the order of the runs.
func TestRolesKeepTheirNumbers(t *testing.T) {
	a, b := at("a", "RS210", "10.0.0.1:4000", "10.0.0.9:6379", 100, 200, 5), at("b", "RS210", "10.0.0.2:4000", "10.0.0.9:6379", 1000, 1200, 5)
	for _, runs := range [][]Run{{a, b}, {b, a}} {
		prints := map[string]string{}
		for _, f := range merged(runs...).Findings {
			prints[f.Client.String()] = f.Fingerprint
		}
		if prints["10.0.0.1"] != "RS210-000000000000" || prints["10.0.0.2"] != "RS210-000000000000-2" {
			t.Errorf("%v", prints)
		}
	}
}

// TestHostsNameTheirFiles: two hosts have files of one name.
func TestHostsNameTheirFiles(t *testing.T) {
	d := merged(at("a", "RS210", "10.0.0.1:4000", "10.0.0.9:6379", 100, 200, 5), at("b", "RS210", "10.0.0.2:4000", "10.0.0.9:6379", 100, 200, 5))
	var files []string
	for _, f := range d.Findings {
		files = append(files, f.Examples[0].File)
	}
	if got := strings.Join(files, " "); got != "a:a.pcap b:a.pcap" && got != "b:a.pcap a:a.pcap" {
		t.Errorf("files %q", got)
	}
}

// TestTwice: both ends of one recording are not two things.
func TestTwice(t *testing.T) {
	a := at("a", "RS210", "10.0.0.1:4000", "10.0.0.9:6379", 100, 200, 5)
	if d := merged(a, at("b", "RS210", "10.0.0.1:4000", "10.0.0.9:6379", 101, 200, 5)); len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0], "counted twice") {
		t.Errorf("warnings %q", d.Warnings)
	}
	if d := merged(a, at("b", "RS210", "10.0.0.1:4001", "10.0.0.9:6379", 101, 200, 5)); len(d.Warnings) != 0 {
		t.Errorf("another connection: %q", d.Warnings)
	}
}
