package detectors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/scenario"
)

// warm is traffic that shows what kind of client it is.
const warm = `
host app   10.0.0.1
host redis 10.0.0.2
conn w app:40000 -> redis:6379
repeat 210 every 2ms { w > GET warm{i} => $v{i} }
`

// TestTwoServersOnOneHost: the client closes after each timeout of 6379, and uses the connection again on 6380. What is reported
// of one is not reported of the other.
func TestTwoServersOnOneHost(t *testing.T) {
	_, all := findingsOfScenario(t, warm+`
conn w2 app:40001 -> redis:6380
repeat 210 every 2ms { w2 > GET warm{i} => $v{i} }

repeat 3 { conn t{i} app:{41000+i} -> redis:6379 }
1.0000 t0 > GET slow0
1.0200 t1 > GET slow1
1.0400 t2 > GET slow2
1.3004 t0 > FIN
1.3206 t1 > FIN
1.3404 t2 > FIN
repeat 3 { 1.36 t{i} < $late ; +30us t{i} > RST bare }

repeat 5 { conn u{i} app:{42000+i} -> redis:6380 }
2.0000 u0 > GET slow0
2.0010 u1 > GET slow1
2.0020 u2 > GET slow2
2.0030 u3 > GET slow3
2.0040 u4 > GET slow4
2.3004 u0 > GET next
2.3016 u1 > GET next
2.3024 u2 > GET next
2.3034 u3 > GET next
2.3044 u4 > GET next
repeat 5 { 2.36 u{i} < $late ; +1ms u{i} < $nextval }
repeat 5 { 2.40 u{i} > GET a ; +700us u{i} > GET b ; +4ms u{i} < $A | $B ; +2ms u{i} > GET c ; +700us u{i} > GET d ; +4ms u{i} < $C | $D }
`)
	notes := map[uint16]string{6379: "what the clients did: 3 times the connection was closed (correct)", 6380: "what the clients did: 5 times it was used again (RS101)"}
	remedies := map[uint16]string{6379: "The client handled this correctly", 6380: "The client handled 5 of them wrongly"}
	prints := map[string]bool{}
	for i := range all {
		f := &all[i]
		if f.Rule != "RS210" {
			continue
		}
		port := f.Server.Port()
		if !slices.Contains(f.Notes, notes[port]) || !strings.Contains(f.Remedy, remedies[port]) {
			t.Errorf("%s: notes %q, remedy %q", f.Server, f.Notes, f.Remedy)
		}
		prints[f.Fingerprint] = true
	}
	if len(prints) != 2 {
		t.Errorf("fingerprints of RS210: %v, want two", prints)
	}
}

// leakAt is a connection that is lost to its pool, of a server.
const leakAt = `
host app   10.0.0.1
host redis 10.0.0.2
conn w app:40000 -> redis:%[1]d
repeat 210 every 2ms { w > GET warm{i} => $v{i} }
conn c1 app:42000 -> redis:%[1]d
1.0 c1 > GET a => nil
+1ms c1 > PING => +PONG
62.5 c1 < FIN
110.0 w > PING => +PONG
`

// TestOtherServerIsAnotherFault: the same fault of another server on the host has another fingerprint.
func TestOtherServerIsAnotherFault(t *testing.T) {
	var prints []string
	for _, port := range []int{6379, 6380} {
		_, all := findingsOfScenario(t, fmt.Sprintf(leakAt, port))
		for i := range all {
			if all[i].Rule == "RS201" {
				prints = append(prints, all[i].Fingerprint)
				if former := incident.FormerFingerprints(all)[i]; former != "RS201-401dd92875ac" {
					t.Errorf("former fingerprint %s", former)
				}
			}
		}
	}
	if len(prints) != 2 || prints[0] == prints[1] {
		t.Errorf("RS201 %v, want two", prints)
	}
}

// TestLeakAfterRefusalIsNoCause: a connection that is lost a minute after the server refused another one.
func TestLeakAfterRefusalIsNoCause(t *testing.T) {
	run, all := findingsOfScenario(t, warm+`
conn c1 app:42000 -> redis:6379 rtt=100us
2.0 c1 > SYN
+100us c1 < -ERR max number of clients reached
+5us c1 < FIN
+6ms c1 > MGET a b
+120us c1 < RST bare

conn l1 app:43000 -> redis:6379
100.0 l1 > GET a => nil
+1ms l1 > PING => +PONG
162.5 l1 < FIN
210.0 w > PING => +PONG
`)
	var rules []string
	for i := range all {
		f := &all[i]
		rules = append(rules, f.Rule)
		if got := causes(f, all); f.Rule == "RS204" && len(got) > 0 {
			t.Errorf("RS204 is caused by %v", got)
		}
	}
	if !slices.Contains(rules, "RS201") || !slices.Contains(rules, "RS204") {
		t.Fatalf("findings %v", rules)
	}
	for _, in := range run.Incidents(all) {
		for i := range in.Steps[1:] {
			if in.Steps[i].Rule == "RS201" && in.Steps[i+1].Rule == "RS204" {
				t.Errorf("leak before refusal: %s", in.Title)
			}
		}
	}
}

// TestEveryTimeoutCounts has more reads that time out than are kept with their evidence.
func TestEveryTimeoutCounts(t *testing.T) {
	const n = 8300
	var b strings.Builder
	b.WriteString(warm)
	for i := range n {
		fmt.Fprintf(&b, "conn r%d app:%d -> redis:6379\n%.5f r%d > GET k%d\n+300.4ms r%d > FIN\n", i, 2000+i, 1+0.3*float64(i), i, i, i)
	}
	_, all := findingsOfScenario(t, b.String())
	for i := range all {
		if f := &all[i]; f.Rule == "RS210" && (f.Count != n || f.Connections != n || len(f.Examples) != 5) {
			t.Errorf("RS210 counts %d on %d connections, with %d examples; want %d", f.Count, f.Connections, len(f.Examples), n)
		}
	}
}

// TestEveryClientCounts has more clients than a rule keeps findings apart.
func TestEveryClientCounts(t *testing.T) {
	const n = 1301
	var b strings.Builder
	b.WriteString("host redis 10.0.0.2\n")
	for i := range n {
		fmt.Fprintf(&b, "host a%d 10.1.%d.%d\n", i, i/250, i%250+1)
	}
	for i := range n {
		fmt.Fprintf(&b, "conn c%d a%d:40000 -> redis:6379\n%.4f c%d > GET foo => -MOVED 12182 10.0.0.2:6379\n", i, i, 1+0.01*float64(i), i)
	}
	_, all := findingsOfScenario(t, b.String())
	count, clients := 0, map[string]bool{}
	var rest *incident.Finding
	for i := range all {
		f := &all[i]
		if f.Rule != "RS302" {
			continue
		}
		count += f.Count
		if f.More > 0 {
			rest = f
		} else if f.Count != 1 {
			t.Errorf("%s counts %d", f.Client, f.Count)
		}
		clients[f.Client.String()] = true
	}
	if count != n || rest == nil || rest.More != 301 || !strings.HasPrefix(rest.Title, "and 301 more clients: ") || rest.Client.IsValid() {
		t.Errorf("%d in all on %d findings, the rest %+v", count, len(clients), rest)
	}
}

// TestMisreadsBeginWithTheFirst: RS103 begins when a caller got another's reply, not when an earlier one gave up.
func TestMisreadsBeginWithTheFirst(t *testing.T) {
	_, all := findingsOfScenario(t, stalledPool+`
5.1 d > GET x
5.4004 d > GET y
6.0001 d < $X | $Y
7.0 d > GET z => $Z
`)
	var given, used, misread *incident.Finding
	for i := range all {
		switch f := &all[i]; f.Rule {
		case "RS101":
			used = f
		case "RS103":
			misread = f
		case "RS210":
			given = f
		}
	}
	if given == nil || used == nil || misread == nil {
		t.Fatal("RS210, RS101 or RS103 is missing")
	}
	if first := misread.Examples[0].Victims[0].Time; misread.First != first || used.First > misread.First {
		t.Errorf("RS103 begins at %v, its first victim at %v, RS101 at %v", misread.First, first, used.First)
	}
}

// TestOpenConnectionCountsAllRedirects: one report of an open connection may hold several of RS106's occurrences.
func TestOpenConnectionCountsAllRedirects(t *testing.T) {
	s, err := scenario.Parse(t.Name(), []byte(`policy 10.0.0.1=lockstep
`+warm+`
conn c app:41000 -> redis:6379
1.0 c > GET k0
1.3004 c > GET k1
+10ms c < -MOVED 8579 10.0.0.3:6379
+2ms c < -MOVED 12706 10.0.0.3:6379
+20s c > GET k2
+2ms c < -MOVED 449 10.0.0.3:6379
+20s c > GET k3
+2ms c < -MOVED 4576 10.0.0.3:6379
+20s c > GET k4
+2ms c < $v
+20s c > GET k5
+2ms c < $v
`))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[bool]map[string]int{}
	for _, live := range []bool{false, true} {
		o := optionsOf(t, s)
		o.Live = live
		run := analysis.NewRun(&o)
		counts[live] = map[string]int{}
		var early []int
		for f, err := range run.Detect(run.Events(ticking(run, s.Packets())), detectors.All()) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Early != nil && f.Rule == "RS106" {
				early = append(early, f.Count)
			} else if f.Early == nil {
				counts[live][f.Rule] = f.Count
			}
			if n := 0; f.Rule == "RS106" {
				for _, x := range f.Victims {
					n += x.Count
				}
				if n != f.Count {
					t.Errorf("live %v: %d occurrences, victims %v", live, f.Count, f.Victims)
				}
			}
		}
		if live && !slices.Equal(early, []int{1, 2, 4}) {
			t.Errorf("RS106 counts %v while the connection is open, want it each time that it has doubled", early)
		}
	}
	if counts[true]["RS106"] != counts[false]["RS106"] || counts[false]["RS106"] < 2 {
		t.Errorf("RS106: live %d, otherwise %d", counts[true]["RS106"], counts[false]["RS106"])
	}
}

// TestDeclaredCauses: causes are rules, make no ring, and both ends of each have words for their step.
func TestDeclaredCauses(t *testing.T) {
	byID := map[string]*analysis.Detector{}
	for _, d := range detectors.All() {
		byID[d.ID] = d
	}
	var visit func(d *analysis.Detector, path []string)
	visit = func(d *analysis.Detector, path []string) {
		if slices.Contains(path, d.ID) {
			t.Fatalf("a ring: %v", append(path, d.ID))
		}
		for _, c := range d.CausedBy {
			for _, id := range c.Rules {
				if byID[id] == nil {
					t.Fatalf("%s names %s, which is no rule", d.ID, id)
				}
				if d.Step.One == "" || byID[id].Step.One == "" {
					t.Errorf("%s is caused by %s: one of them has no words for its step", d.ID, id)
				}
				visit(byID[id], append(path, d.ID))
			}
		}
	}
	for _, d := range detectors.All() {
		visit(d, nil)
	}
}
