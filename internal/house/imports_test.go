package house

import (
	"slices"
	"strings"
	"testing"
)

// layers says which packages of this repository a package may import. What a folder may, the folders in it may too,
// unless they have a line of their own; and these may import the folder.
var layers = map[string][]string{
	"resp":               {},
	"internal/bound":     {},
	"internal/idle":      {},
	"internal/keylog":    {"internal/bound"},
	"internal/pool":      {},
	"capture":            {"capture/tcpdump"},
	"capture/tcpdump":    {},
	"reassembly":         {"capture", "internal/bound", "reassembly/encap"},
	"reassembly/encap":   {"capture"},
	"analysis/pairing":   {"capture", "reassembly", "resp", "internal/bound", "internal/pool", "internal/snippet", "analysis/pairing/align", "analysis/pairing/known", "analysis/pairing/stamps"},
	"analysis/client":    {"capture", "reassembly", "resp", "internal/bound", "internal/idle", "analysis/pairing"},
	"analysis/inference": {"analysis/client"},
	"analysis/reader":    {"capture", "reassembly", "resp", "internal/bound", "internal/idle", "internal/pool", "analysis/pairing", "analysis/client", "analysis/inference"},
	"analysis/desync":    {"capture", "reassembly", "resp", "internal/bound", "analysis/pairing", "analysis/client", "analysis/inference", "analysis/reader"},
	"analysis/pools":     {"capture", "reassembly", "resp", "internal/bound", "internal/idle", "analysis/pairing"},
	"analysis/cluster":   {"capture", "reassembly", "resp", "internal/bound", "analysis/pairing", "analysis/client"},
	"analysis/databases": {"resp", "internal/bound", "analysis/pairing", "analysis/pairing/known"},
	"analysis/sealed":    {"capture", "reassembly", "resp", "internal/bound", "analysis/inference", "analysis/pairing"},
	"analysis/incident":  {"capture", "reassembly", "resp", "internal/bound", "analysis/pairing"},
	"analysis": {
		"capture", "reassembly", "resp", "internal/bound", "internal/pool",
		"analysis/databases", "analysis/incident", "analysis/desync", "analysis/reader", "analysis/inference", "analysis/pools", "analysis/cluster", "analysis/client", "analysis/pairing", "analysis/sealed",
	},
	"analysis/pairing/align":   {},
	"analysis/pairing/known":   {"resp"},
	"analysis/pairing/stamps":  {"capture", "reassembly"},
	"analysis/detectors":       {"capture", "reassembly", "resp", "analysis", "internal/bound", "internal/nearest"},
	"internal/report":          {"capture", "reassembly", "resp", "analysis", "analysis/detectors", "internal/communityid", "internal/timesort"},
	"internal/report/rows":     {"capture", "reassembly", "resp", "analysis", "internal/bound", "internal/communityid", "internal/timesort", "internal/report"},
	"internal/report/page":     {"capture", "resp", "analysis", "internal/bound", "internal/report"},
	"internal/report/formats":  {"capture", "analysis", "analysis/detectors", "internal/report", "internal/report/page"},
	"internal/view":            {"internal/report", "internal/report/page"},
	"internal/chromium":        {},
	"internal/report/evidence": {"capture", "reassembly", "resp", "analysis", "internal/bound", "internal/report"},
	"internal/report/gate":     {"capture", "reassembly", "resp", "analysis", "analysis/detectors", "internal/report"},
	"internal/report/stages":   {"capture", "reassembly", "resp", "analysis", "internal/report"},
	"internal/metrics":         {"capture", "reassembly", "resp", "analysis", "analysis/detectors", "internal/bound"},
	"internal/config":          {},
	"internal/bytesize":        {},
	"internal/notice":          {"internal/report"},
	"internal/wholefile":       {},
	"internal/filter":          {"capture", "analysis", "analysis/detectors", "internal/bound", "internal/report"},
	"internal/progress":        {"capture"},
	"internal/names":           {},
	"internal/nearest":         {},
	"internal/timesort":        {"capture"},
	"internal/communityid":     {},
	"internal/tlsrecord":       {"capture", "reassembly", "internal/bound", "internal/keylog", "internal/tlsrecord/protect"},
	"internal/state":           {"capture", "reassembly", "analysis", "internal/report", "internal/report/evidence", "internal/wholefile"},
	"internal/tally":           {"capture", "reassembly", "analysis", "internal/bound", "internal/report", "internal/notice"},
	"internal/live": {
		"capture", "reassembly", "analysis", "analysis/detectors", "internal/report", "internal/metrics", "internal/filter", "internal/notice",
		"internal/bound", "internal/keylog", "internal/tally", "internal/tlsrecord", "internal/wholefile",
	},
	"internal/tlsrecord/protect": {},
	"internal/trial":             {},
	"internal/scenario":          {"capture", "reassembly", "resp"},
	"internal/testcap":           {"capture"},
	"internal/testtls":           {},
	"internal/testenv":           {},
	"internal/house":             {},
	"internal":                   {"capture", "reassembly", "resp", "analysis", "analysis/detectors", "internal"},
	"cmd":                        {"capture", "reassembly", "resp", "analysis", "analysis/detectors", "internal"},
	"resp/commands":              {"resp"},
	"scripts":                    {"capture", "internal/chromium"},
}

// guests says where a module or package from outside may be imported, and why not elsewhere.
var guests = []struct {
	path   string // with everything below it
	rooms  []string
	files  int // at most so many; 0: any number
	reason string
}{
	{"github.com/google/gopacket", []string{"capture", "reassembly", "internal/scenario"}, 0, "inside, packets are this project's own types"},
	{"github.com/olekukonko/tablewriter", []string{"internal/report"}, 1, "tables are drawn in one file, so that it can be replaced"},
	{"github.com/spf13/cobra", []string{"cmd"}, 0, "only the command knows flags"},
	{"github.com/spf13/pflag", []string{"cmd"}, 0, "only the command knows flags"},
	{"github.com/klauspost/compress", []string{"capture"}, 0, "compression is a matter of the readers"},
	{"github.com/prometheus/client_golang", []string{"internal/metrics"}, 0, "metrics are one writer among others"},
	{"golang.org/x/crypto", []string{"internal/tlsrecord/protect"}, 0, "only records of TLS are encrypted"},
	{"github.com/google/go-cmp", nil, 0, "it is for tests"},
	{"github.com/santhosh-tekuri/jsonschema", nil, 0, "it is for tests"},
	{"log", []string{"cmd"}, 0, "libraries return errors, they do not log"},
	{"testing", []string{"internal/testcap", "internal/testenv", "internal/trial"}, 0, "it adds flags to the program"},
	{"net/http/pprof", nil, 0, "the metrics port must not serve profiles"},
	{"os/exec", []string{"resp/commands/internal", "scripts", "internal/chromium", "internal/testenv"}, 0, "an analysis of hostile input starts no program"},
	{"plugin", nil, 0, "it loads code"},
}

// withoutSystem are the packages that see only what they are handed.
var withoutSystem = []string{"resp", "reassembly", "analysis"}

func TestImportsPointOneWay(t *testing.T) {
	guestFiles := make([][]string, len(guests))
	for _, s := range sources(t) {
		room, allowed := roomOf(s.dir)
		if room == "" {
			t.Errorf("%s: the folder %s has no line in layers: say what it may import", s.path, s.dir)
			continue
		}
		for _, path := range s.imports() {
			if mine, ok := strings.CutPrefix(path, module+"/"); ok {
				if !inside(s.dir, mine) && !slices.ContainsFunc(allowed, func(a string) bool { return mine == a || under(mine, a) }) {
					t.Errorf("%s imports %s: %s may import only %q of this repository; imports point from cmd down to capture and resp", s.path, mine, room, allowed)
				}
				continue
			}
			for i, g := range guests {
				if !inside(path, g.path) {
					continue
				}
				guestFiles[i] = append(guestFiles[i], s.path)
				if !slices.ContainsFunc(g.rooms, func(r string) bool { return inside(s.dir, r) }) {
					t.Errorf("%s imports %s, which only %q may: %s", s.path, path, g.rooms, g.reason)
				}
			}
			if path == "os" && !s.program && slices.ContainsFunc(withoutSystem, func(r string) bool { return inside(s.dir, r) }) {
				t.Errorf("%s imports os: %s sees only what it is handed", s.path, room)
			}
			if inside(s.dir, "resp") && strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
				t.Errorf("%s imports %s: resp imports only the standard library", s.path, path)
			}
		}
	}
	for i, g := range guests {
		slices.Sort(guestFiles[i])
		if files := slices.Compact(guestFiles[i]); g.files > 0 && len(files) > g.files {
			t.Errorf("%s is imported by %q: %s", g.path, files, g.reason)
		}
	}
}

// under reports whether a package lies in a folder that may be imported with all that is in it: resp, or one of internal,
// or the rooms of analysis for those that see the run.
func under(mine, allowed string) bool {
	switch {
	case allowed == "analysis":
		return inside(mine, allowed) && mine != "analysis/detectors"
	case allowed == "resp" || inside(allowed, "internal"):
		return inside(mine, allowed)
	}
	return false
}

// roomOf finds the longest line of layers that a folder lies in.
func roomOf(dir string) (room string, allowed []string) {
	for r, a := range layers {
		if inside(dir, r) && len(r) > len(room) {
			room, allowed = r, a
		}
	}
	return room, allowed
}

// inside reports whether path is folder or lies in it.
func inside(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
