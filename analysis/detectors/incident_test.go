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

// TestIncidentOfJedis is the article's chain in the laboratory's recording: stall, dirty reuse, misreads.
func TestIncidentOfJedis(t *testing.T) {
	run, all := findingsOf(t, "01a_jedis262_buggy_T300.pcap")
	incidents := run.Incidents(all)
	if len(incidents) == 0 {
		t.Fatal("no incident")
	}
	longest := slices.MaxFunc(incidents, func(a, b incident.Incident) int { return len(a.Steps) - len(b.Steps) })
	var rules []string
	for _, s := range longest.Steps {
		rules = append(rules, s.Rule)
		if s.What == "" || len(s.Findings) == 0 || s.Count == 0 || s.First > s.Last {
			t.Errorf("%s: incomplete step %+v", s.Rule, s)
		}
		if s.Example != "" && len(s.Frames) == 0 {
			t.Errorf("%s: example without frames: %s", s.Rule, s.Example)
		}
	}
	if rules[0] != "RS401" {
		t.Errorf("the incident begins with %s: %v", rules[0], rules)
	}
	for _, want := range []string{"RS401", "RS102", "RS103"} {
		if !slices.Contains(rules, want) {
			t.Errorf("no %s in the incident %v", want, rules)
		}
	}
	if slices.Index(rules, "RS103") < slices.Index(rules, "RS102") {
		t.Errorf("misreads before their cause: %v", rules)
	}
	if !strings.Contains(longest.Sentence, "stalled") || longest.Conn == 0 {
		t.Errorf("connection %d: %s", longest.Conn, longest.Sentence)
	}
	for i := range all {
		if f := &all[i]; f.Rule == "RS103" && len(f.Causes) == 0 {
			t.Errorf("RS103 of %s has no cause", f.Server)
		}
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
