package detectors_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// findingsOf runs every rule over a capture and returns the run with its findings.
func findingsOf(tb testing.TB, name string) (*analysis.Run, []incident.Finding) {
	tb.Helper()
	src, err := capture.Open([]string{testcap.Path(tb, name)}, capture.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	run := analysis.NewRun(nil)
	segments := reassembly.New(reassembly.Options{}).Segments(src.Packets())
	return run, judged(tb, run, run.Events(segments))
}

// findingsOfScenario does so with a written conversation.
func findingsOfScenario(tb testing.TB, text string) (*analysis.Run, []incident.Finding) {
	tb.Helper()
	s, err := scenario.Parse(tb.Name(), []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	o := optionsOf(tb, s)
	run := analysis.NewRun(&o)
	return run, judged(tb, run, run.Events(reassembly.New(reassembly.Options{}).Segments(s.Packets())))
}

func judged(tb testing.TB, run *analysis.Run, events func(func(pairing.Event, error) bool)) []incident.Finding {
	tb.Helper()
	var all []incident.Finding
	for f, err := range run.Detect(events, detectors.All()) {
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// causes returns the rules of a finding's causes, each once.
func causes(f *incident.Finding, all []incident.Finding) []string {
	var rules []string
	for _, c := range f.Causes {
		for i := range all {
			if all[i].Fingerprint == c && !slices.Contains(rules, all[i].Rule) {
				rules = append(rules, all[i].Rule)
			}
		}
	}
	slices.Sort(rules)
	return rules
}

// stalledPool is a stall on one server, with clients that wait 300 ms; what the rest of the scenario adds decides what
// the stall is blamed for.
const stalledPool = `
host app   10.0.0.1
host redis 10.0.0.2
host other 10.0.0.3
read-timeout 10.0.0.1=300ms
policy 10.0.0.1=lockstep
conn w app:40000 -> redis:6379
conn v app:41000 -> other:6379
repeat 210 every 2ms { w > GET warm{i} => $v{i} ; v > GET warm{i} => $v{i} }
repeat 4 { conn c{i} app:{42000+i} -> redis:6379 }
conn d app:43000 -> redis:6379
conn e app:43001 -> other:6379
1.0 repeat 4 { c{i} > GET a => $A }
1.1 d > GET a => $A
1.2 e > GET a => $A
5.0 repeat 4 every 3ms { c{i} > GET b }
6.0 repeat 4 every 10us { c{i} < $B }
`

func TestStallIsCause(t *testing.T) {
	_, all := findingsOfScenario(t, stalledPool+`
5.1 d > GET x
5.4004 d > GET y
6.0001 d < $X | $Y
7.0 d > GET z => $Z
`)
	for i := range all {
		f := &all[i]
		got := causes(f, all)
		switch f.Rule {
		case "RS101":
			if !slices.Contains(got, "RS401") && !slices.Contains(got, "RS210") {
				t.Errorf("%s is caused by %v, want the stall or the timeout", f.Rule, got)
			}
		case "RS103":
			if !slices.Contains(got, "RS101") {
				t.Errorf("%s is caused by %v, want RS101", f.Rule, got)
			}
		case "RS210":
			if !slices.Contains(got, "RS401") {
				t.Errorf("%s is caused by %v, want RS401", f.Rule, got)
			}
		case "RS401":
			if len(f.Causes) > 0 {
				t.Errorf("RS401 is caused by %v", got)
			}
		}
	}
	if !slices.ContainsFunc(all, func(f incident.Finding) bool { return f.Rule == "RS101" }) {
		t.Fatal("no RS101")
	}
}

// TestCoincidenceIsNoCause has the same abandonment on another server, and on the same one at another time.
func TestCoincidenceIsNoCause(t *testing.T) {
	for name, text := range map[string]string{
		"another server": `
5.1 e > GET x
5.4004 e > GET y
6.0001 e < $X | $Y
7.0 e > GET z => $Z
`,
		"another time": `
8.0 d > GET x
8.3004 d > GET y
8.9 d < $X | $Y
9.0 d > GET z => $Z
`,
		"hardly touched": `
5.9 d > GET x
+100ms w > GET p => $P
6.2004 d > GET y
6.9 d < $X | $Y
9.0 d > GET z => $Z
`,
	} {
		t.Run(name, func(t *testing.T) {
			_, all := findingsOfScenario(t, stalledPool+text)
			n := 0
			for i := range all {
				f := &all[i]
				if f.Rule == "RS101" {
					n++
				}
				if got := causes(f, all); slices.Contains(got, "RS401") {
					t.Errorf("%s on %s is blamed on the stall", f.Rule, f.Server)
				}
			}
			if n == 0 {
				t.Error("no RS101")
			}
		})
	}
}

// TestIncidentsOfCaptures: each laboratory recording with a fault has one incident for it, with what its truth says of it. Of
// the 97 misreads of 01a one is missed, and with it a connection: the next caller came 0.4 ms after the late reply by chance,
// so that it looks as if its own caller had read it. Of the 186 of 02a two are.
func TestIncidentsOfCaptures(t *testing.T) {
	for name, want := range map[string]struct {
		class              incident.Class
		calls, connections int
		library, cause     string
		steps              []string
	}{
		"01a_jedis262_buggy_T300.pcap": {incident.Desync, 96, 37, "jedis", "server-stall", []string{
			"RS401 cause", "RS210 cause", "RS102 cause", "RS101 cause", "RS103 effect", "RS106 effect", "RS201 effect", "RS109 harmless",
		}},
		"02a_redispy451_asyncio_cancel.pcap": {incident.Desync, 184, 186, "redis-py", "server-stall", []string{
			"RS401 cause", "RS211 cause", "RS101 cause", "RS103 effect",
		}},
		"03a_jedispool_leak_4s.pcap": {incident.ConnectionFault, 0, 96, "", "pool-leak", []string{
			"RS202 cause", "RS204 effect", "RS206 effect", "RS203 harmless",
		}},
		"01c_jedis262_fixed_T300.pcap": {incident.ServerFault, 0, 552, "jedis", "server-stall", []string{"RS401 cause", "RS210 effect", "RS109 harmless"}},
		"seed1_article.pcap": {incident.Desync, 2, 1, "jedis", incident.OriginBefore, []string{
			"RS104 cause", "RS103 effect", "RS101 effect", "RS201 effect", "RS210 harmless", "RS109 harmless",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			run, all := findingsOf(t, name)
			incidents := run.Incidents(all)
			if len(incidents) == 0 || len(incidents) > 1 && incidents[1].Severity > incident.Medium {
				t.Fatalf("%d incidents", len(incidents))
			}
			in := &incidents[0]
			if d := in.Damage; in.Class != want.class || d.Calls != want.calls || d.Connections != want.connections || d.AtLeast || in.Library != want.library || in.Cause.What != want.cause {
				t.Errorf("%s, cause %s, library %q, %+v", in.Class, in.Cause.What, in.Library, d)
			}
			var steps []string
			firsts := map[string]capture.Time{}
			for _, s := range in.Steps {
				steps = append(steps, s.Rule+" "+s.Role.String())
				firsts[s.Rule] = s.First
				if s.What == "" || len(s.Findings) == 0 || s.Count == 0 || s.First > s.Last {
					t.Errorf("%s: incomplete step %+v", s.Rule, s)
				}
				if s.Role == incident.RoleCause && s.First > in.Damage.Until {
					t.Errorf("%s is a cause, and began after the harm", s.Rule)
				}
			}
			slices.Sort(steps)
			wanted := slices.Sorted(slices.Values(want.steps))
			if !slices.Equal(steps, wanted) {
				t.Errorf("steps %q, want %q", steps, wanted)
			}
			for i := range in.Story.Rows[1:] {
				if r := in.Story.Rows[1:][i]; r.Time != 0 && r.Time < in.Story.Rows[i].Time {
					t.Errorf("row %d of the story is before the one above it", i+1)
				}
			}
			if in.Story.Conn == 0 || len(in.Remedy) == 0 || len(in.Story.Rows) > 12 {
				t.Errorf("connection %d, %d rows, remedy %q", in.Story.Conn, len(in.Story.Rows), in.Remedy)
			}
			for i := range all {
				f := &all[i]
				if mine := slices.ContainsFunc(incidents, func(in incident.Incident) bool { return in.ID == f.Incident }); mine == incident.IsQuality(f.Rule) {
					t.Errorf("%s is of incident %d", f.Rule, f.Incident)
				}
				if strings.HasPrefix(f.Rule, "RS1") && f.Library != want.library {
					t.Errorf("%s names the library %q", f.Rule, f.Library)
				}
			}
		})
	}
}

// quiet lists the captures with what of the topology and server rules may be reported of them.
var quiet = map[string][]string{
	"01a_jedis262_buggy_T300.pcap": {"RS401"}, "01c_jedis262_fixed_T300.pcap": {"RS401"}, "01f_jedis262_timeouts_only.pcap": {"RS401"},
	"02a_redispy451_asyncio_cancel.pcap": {"RS401"}, "02d_redispy455_asyncio_fixed.pcap": {"RS401"}, "03a_jedispool_leak_4s.pcap": {"RS401"},
	"04_auth.pcap": nil, "04_binary.pcap": nil, "04_cluster_moved_cli.pcap": nil, "04_goredis_pipeline.pcap": nil, "04_inline_nc.pcap": nil,
	"04_ioredis.pcap": nil, "04_large.pcap": nil, "04_misc.pcap": nil, "04_monitor.pcap": nil, "04_multi.pcap": nil, "04_pubsub.pcap": nil,
	"04_replication_psync.pcap": nil, "04_reply.pcap": nil, "04_resp3.pcap": nil, "04_sentinel.pcap": nil, "04_tls.pcap": nil,
	"04_tracking.pcap": nil, "07a_hiredis_err_cleared.pcap": nil, "07b_hiredis_reconnect.pcap": nil, "lab_a1.pcap": nil, "lab_h1.pcap": nil,
	"lab_j1.pcap": nil, "lab_j2.pcap": nil, "lab_p1.pcap": nil, "lab_s1.pcap": nil, "seed1_article.pcap": nil,
}

// TestServerRulesOnCaptures: no capture of the laboratory has a topology fault, a lossy network or a proxy, and only
// those have stalls whose servers were stopped.
func TestServerRulesOnCaptures(t *testing.T) {
	for name, allowed := range quiet {
		t.Run(name, func(t *testing.T) {
			_, all := findingsOf(t, name)
			for i := range all {
				f := &all[i]
				mine := strings.HasPrefix(f.Rule, "RS3") || f.Rule == "RS401" || f.Rule == "RS402" || f.Rule == "RS405"
				if mine && !slices.Contains(allowed, f.Rule) {
					t.Errorf("%s %s: %s", f.Rule, f.Confidence, f.Title)
				}
			}
			for _, want := range allowed {
				if !slices.ContainsFunc(all, func(f incident.Finding) bool { return f.Rule == want }) {
					t.Errorf("no %s", want)
				}
			}
		})
	}
}
