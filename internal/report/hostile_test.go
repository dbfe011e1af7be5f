package report

import (
	"encoding/json"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
)

// hostileTexts would act on a terminal, a browser, a spreadsheet or a CI log if they were printed as they are.
var hostileTexts = func() (texts []string) {
	b, err := os.ReadFile("testdata/hostile.txt")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(b)) {
		text, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if err != nil {
			panic(err)
		}
		texts = append(texts, text)
	}
	return texts
}()

// hostileDocument has a hostile text in every field that takes one.
func hostileDocument(s string) *Document {
	d := sample()
	d.Tool.Version = s
	d.Input[0].File, d.Input[0].Format, d.Input[0].Error = s, s, s
	d.Input[0].Notes, d.Input[0].LinkTypes = []string{s}, []string{s}
	d.Warnings, d.Quality.LimitsReached = []string{s}, []string{s}
	d.Suppressed = []Suppressed{{s, s, s, s, s}}
	d.Complete = false
	zone := netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(s), 6379)
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Name, f.Title, f.Library, f.Policy, f.Remedy, f.Fingerprint = s, s, s, s, s, s
		f.Notes = []string{s}
		f.Victims, f.Commands = []incident.Tally{{Label: s, Count: 1}}, []incident.Tally{{Label: s, Count: 1}}
		f.Server = zone
		for j := range f.Examples {
			e := &f.Examples[j]
			e.File, e.Filter, e.Facts, e.Server = s, s, []string{s}, zone
			for k := range e.Victims {
				v := &e.Victims[k]
				v.Command, v.Key, v.Meant, v.Got, v.Saw = s, s, s, s, s
			}
			for k := range e.Ladder {
				e.Ladder[k].What, e.Ladder[k].Mark = s, s
			}
		}
	}
	d.Doubts = []Doubt{{s, s}}
	for i := range d.Incidents {
		in := &d.Incidents[i]
		in.Fingerprint, in.Title, in.Library, in.Cause.What, in.Rule = s, s, s, s, s
		in.Clients, in.Servers, in.Cause.Servers = []netip.Addr{zone.Addr()}, []netip.AddrPort{zone}, []netip.AddrPort{zone}
		in.Damage.Saw, in.Damage.Commands = []incident.Tally{{Label: s, Count: 1}}, []incident.Tally{{Label: s, Count: 1}}
		in.Remedy = []string{s}
		for j := range in.Steps {
			x := &in.Steps[j]
			x.Rule, x.Name, x.What, x.Findings = s, s, s, []string{s}
		}
		in.Story.Client, in.Story.Server, in.Story.File = zone, zone, s
		for j := range in.Story.Rows {
			r := &in.Story.Rows[j]
			r.What, r.Note, r.Meant, r.Got = s, s, s, s
		}
		in.Others = []incident.Outline{{Conn: 4, Client: zone, Server: zone, What: s}}
	}
	d.Series = &Series{
		Owed:    []OwedSeries{{Conn: 412, Client: s, Server: s, Points: []OwedPoint{{Time: Stamp(sampleStart), Owed: 1}, {Time: Stamp(sampleStart + 1e9), Owed: 2}}}},
		Open:    []OpenSeries{{Client: s, Points: []OpenPoint{{Stamp(sampleStart), 1}, {Stamp(sampleStart + 1e9), 2}}}},
		Latency: []LatencySeries{{Client: s, BoundsUS: []int64{0, 10}, Counts: []int64{3, 4}, ReadTimeoutMS: []float64{0.015}}},
	}
	return d
}

func TestHostileTextDoesNotAct(t *testing.T) {
	for _, text := range hostileTexts {
		for _, format := range ownFormats {
			out := writeOwn(t, format, hostileDocument(text))
			if i, bad := actingByte(out); bad {
				t.Errorf("%s: %q: acting character: %q", format, text, out[max(0, i-30):min(len(out), i+10)])
			}
			for line := range strings.Lines(out) {
				if format == NDJSON && !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %.80s", line)
				}
			}
			if format == JSON && (!json.Valid([]byte(out)) || strings.Contains(out, "<")) {
				t.Error("not JSON, or with a raw <, which could end a script element")
			}
		}
	}
}
