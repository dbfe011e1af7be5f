package detectors_test

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
)

// inspectReport runs every rule over a recording of what a public bug report describes, made with the client and server
// that it names: testdata/reports/README.md has their versions.
func inspectReport(t *testing.T, name string) result {
	t.Helper()
	src, err := capture.Open([]string{filepath.Join("testdata", "reports", name+".pcap.gz")}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	return inspect(t, src.Packets(), analysis.Options{})
}

// written makes the packets of a scenario that a test has written.
func written(t *testing.T, text string) iter.Seq2[capture.Packet, error] {
	t.Helper()
	s, err := scenario.Parse("written", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Packets()
}

// TestRolesOfAHashThatReadsLikeACommand: the capture begins with the reply of an HGETALL whose first field is called
// "type", between two ports of which one is usual for Redis.
func TestRolesOfAHashThatReadsLikeACommand(t *testing.T) {
	for _, name := range []string{"role_hash_first", "role_hash_first_twin"} {
		r := inspectReport(t, name)
		if len(r.conns) != 1 || r.conns[0].Server.Port() != 6390 || r.conns[0].Commands != 111 || r.conns[0].Replies != 111 {
			t.Errorf("%s: %+v, want a server on port 6390 with 111 commands and 111 replies", name, r.conns[0])
		}
		for _, f := range r.findings {
			if f.Rule < "RS900" {
				t.Errorf("%s: unexpected %s: %s", name, f.Rule, f.Title)
			}
		}
	}
}

// TestRolesByBytes: whatever the first reply looks like, on whatever ports, and whichever side is captured, the server is
// the one that answers.
func TestRolesByBytes(t *testing.T) {
	replies := []string{
		"[ $type $admin $name $bob ]", "[ $type $admin ]", "[ $get $x ]", "[ $time ]", "[ $set $a $b ]", "[ $info ]", "[ $keys $a ]",
		"[ $name $bob ]", "$v", ":1", "+OK", "[ $mget nil $b ]", "[ :1 $get ]",
	}
	for _, ports := range [][2]int{{40001, 6379}, {40001, 6390}, {40001, 16390}, {40001, 46390}, {1025, 1024}} {
		for _, reply := range replies {
			for _, damage := range []string{"", "damage only-client", "damage only-server"} {
				r := inspect(t, written(t, fmt.Sprintf(`
host app   10.0.0.1
host redis 10.0.0.2
%s
conn c app:%d -> redis:%d midstream
0.001 c unseen > EVAL x 0
0.002 c < %s
repeat 3 every 1ms { c > HGETALL h{i} => %s }
repeat 30 every 2ms { c > GET k{i} => $v{i} }
`, damage, ports[0], ports[1], reply, reply)), analysis.Options{})
				if want := netip.MustParseAddr("10.0.0.2"); len(r.conns) != 1 || r.conns[0].Server.Addr() != want {
					t.Errorf("ports %v, first reply %s, %q: the server is taken to be %v", ports, reply, damage, r.conns[0].Server)
				}
				if damage == "" && r.summary.Commands != 33 {
					t.Errorf("ports %v, first reply %s: %d commands, want 33", ports, reply, r.summary.Commands)
				}
			}
		}
	}
}

// TestRolesHideNoDesync: a timeout with dirty reuse is found whatever the reply looked like that the capture began with, and
// its twin, whose late reply is waited for, is silent.
func TestRolesHideNoDesync(t *testing.T) {
	for _, port := range []int{6379, 16390, 46390} {
		for _, field := range []string{"type", "name"} {
			for next, want := range map[string]bool{"+300.4ms c > GET b": true, "+200ms c < $A\n+1ms c > GET b => $B": false} {
				late := ""
				if want {
					late = "+10ms c < $A | $B"
				}
				r := inspect(t, written(t, fmt.Sprintf(`
host app   10.0.0.1
host redis 10.0.0.2
conn c app:40001 -> redis:%d midstream
0.001 c unseen > HGETALL user:1
0.002 c < [ $%s $admin $name $bob ]
repeat 220 every 2ms { c > GET k{i} => $v{i} }
1.0 c > GET a
%s
%s
repeat 20 every 20ms { c > GET n{i} => $w{i} }
`, port, field, next, late)), analysis.Options{
					ReadTimeouts: map[netip.Addr]time.Duration{netip.MustParseAddr("10.0.0.1"): 300 * time.Millisecond},
					Policies:     map[netip.Addr]client.Policy{netip.MustParseAddr("10.0.0.1"): client.PolicyLockstep},
				})
				if got := len(of(r, "RS101")) > 0; got != want || got && surest(of(r, "RS101")) < pairing.Likely {
					t.Errorf("port %d, first field %q, %q: RS101 %v, want %v", port, field, next, got, want)
				}
			}
		}
	}
}

// TestRolesOfOtherProtocols: what is no RESP waits for no role, and is told as what it is.
func TestRolesOfOtherProtocols(t *testing.T) {
	for payload, protocol := range map[string]string{`raw "\x17\x03\x03\x00\x05abcde"`: "tls", `raw "\x00\x01\x02\x03"`: "unparsed"} {
		r := inspect(t, written(t, strings.ReplaceAll(`
host app   10.0.0.1
host other 10.0.0.2
conn c app:40001 -> other:9999 midstream
repeat 80 every 1ms { c > PAYLOAD }
`, "PAYLOAD", payload)), analysis.Options{})
		if len(r.conns) != 1 || r.conns[0].Protocol != protocol || r.conns[0].Server.Port() != 9999 {
			t.Errorf("%s: %+v, want %s", payload, r.conns, protocol)
		}
	}
}

// faults returns the findings of a run that are no remarks on the capture, by rule.
func faults(r result) (all map[string]incident.Finding) {
	all = map[string]incident.Finding{}
	for _, f := range r.findings {
		if f.Rule < "RS900" {
			all[f.Rule] = f
		}
	}
	return all
}

// onlyFaults fails unless exactly these rules have reported.
func onlyFaults(t *testing.T, name string, r result, rules ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(faults(r)))
	if !slices.Equal(got, rules) {
		t.Errorf("%s: %v reported, want %v", name, got, rules)
	}
}

// TestRedirectsThatLeadNowhere: stale DNS leads the name in MOVED back to the node that sent it; a client without cluster
// support follows none.
func TestRedirectsThatLeadNowhere(t *testing.T) {
	r := inspectReport(t, "redirect_back")
	onlyFaults(t, "redirect_back", r, "RS305")
	f := faults(r)["RS305"]
	if f.Severity != incident.High || f.Confidence != pairing.Strong || f.Count != 34 || f.Server != netip.MustParseAddrPort("127.0.1.1:7100") {
		t.Errorf("redirect_back: %s %s, %d times by %s, want high, strong, 34 times by 127.0.1.1:7100", f.Severity, f.Confidence, f.Count, f.Server)
	}
	for _, want := range []string{"SET bravo was redirected", "CLUSTER SLOTS lists shop-0002-001.lab.internal:7100 with the address 127.0.1.2", "asked 127.0.1.1:7100 again"} {
		if !strings.Contains(says(f), want) {
			t.Errorf("redirect_back does not say %q:\n%s", want, says(f))
		}
	}
	onlyFaults(t, "redirect_back_twin", inspectReport(t, "redirect_back_twin"))

	r = inspectReport(t, "redirect_not_followed")
	onlyFaults(t, "redirect_not_followed", r, "RS305")
	if f := faults(r)["RS305"]; f.Count != 24 || f.Confidence != pairing.Likely || !strings.Contains(f.Title, "does not follow redirects") {
		t.Errorf("redirect_not_followed: %q, %s, want 24 redirects, likely", f.Title, f.Confidence)
	}
}

// TestCallsBehindABlockingCommand: a multiplexer sent BLPOP for one caller; what the others asked waited with it.
func TestCallsBehindABlockingCommand(t *testing.T) {
	r := inspectReport(t, "blocked_behind")
	onlyFaults(t, "blocked_behind", r, "RS212")
	f := faults(r)["RS212"]
	if f.Count != 4 || f.Confidence != pairing.Strong || !strings.Contains(f.Title, "up to 2.006841 s behind BLPOP q") {
		t.Errorf("%q, %s, want 4 calls that waited up to 2.006841 s, strong", f.Title, f.Confidence)
	}
	for _, want := range []string{
		"what it popped reached nobody (possible)",
		"meanwhile the server answered 1 command of 1 other connection, the slowest after 0.157 ms (frame 160): it was not slow",
	} {
		if !strings.Contains(says(f), want) {
			t.Errorf("%q is not said:\n%s", want, says(f))
		}
	}
}

// TestOthersWhileBlocked: that the server was not slow is said where others were answered in the meantime, and soon.
func TestOthersWhileBlocked(t *testing.T) {
	for others, want := range map[string]string{
		"repeat 5 every 100ms { o > GET x => $y }": "meanwhile the server answered 5 commands of 1 other connection",
		"o > GET x => $y\n+1ms p > GET x => $y":    "meanwhile the server answered 2 commands of 2 other connections",
		"o > GET x\n+1200ms o < $y":                "the slowest after 1200.000 ms (frame",
		"o > BLPOP other 1\n+1s o < nil*":          "",
		"p > ACK":                                  "",
	} {
		r := inspect(t, written(t, fmt.Sprintf(`
policy 10.0.0.1=multiplex
host app   10.0.0.1
host redis 10.0.0.2
conn c app:42000 -> redis:6379
conn o app:42001 -> redis:6379
conn p app:42002 -> redis:6379
repeat 30 every 1ms { c > GET k{i} => $v{i} }
repeat 30 every 1ms { o > GET k{i} => $v{i} }
repeat 30 every 1ms { p > GET k{i} => $v{i} }
1.0    c > BLPOP jobs 3
+300ms c > GET a
+10ms  %s
3.0    c < [ $jobs $job-17 ] | $A
4.0 o > GET k => $v
repeat 30 every 1ms { o > GET k{i} => $v{i} }
`, others)), analysis.Options{Policies: map[netip.Addr]client.Policy{netip.MustParseAddr("10.0.0.1"): client.PolicyMultiplex}})
		got := says(faults(r)["RS212"])
		if !strings.Contains(got, "waited 1.7") || want == "" && strings.Contains(got, "meanwhile") || !strings.Contains(got, want) ||
			strings.Contains(got, "not slow") != strings.HasPrefix(want, "meanwhile") {
			t.Errorf("%q: want %q in:\n%s", others, want, got)
		}
	}
}

// TestCausesOfReports: the fault was found before; now what makes it is named.
func TestCausesOfReports(t *testing.T) {
	for _, c := range []struct {
		name, rule string
		says       []string
	}{
		{"churn_over_error", "RS205", []string{`126 of 127 ended with "-ERR unknown subcommand 'SETINFO'. Try CLIENT HELP." in reply to CLIENT SETINFO`, "a pool does not help"}},
		{"readonly_forever", "RS307", []string{"Close pooled connections on READONLY", "49 commands of connection 1 were refused in 7.450625 s", "connection 1 was kept through 49 refusals"}},
		{"tracking_broken", "RS213", []string{"6 notices", "pushed tracking-redir-broken", "the client went on with 4 commands on this connection"}},
	} {
		r := inspectReport(t, c.name)
		onlyFaults(t, c.name, r, c.rule)
		for _, want := range c.says {
			if got := says(faults(r)[c.rule]); !strings.Contains(got, want) {
				t.Errorf("%s does not say %q:\n%s", c.name, want, got)
			}
		}
	}
}

// TestChurnForNoReason: connections that end with an answer that is no error want a pool.
func TestChurnForNoReason(t *testing.T) {
	for reply, wants := range map[string]string{"$A": "Use a pool", "-WRONGTYPE Operation against a key holding the wrong kind of value": "closes its connections over an error"} {
		r := inspect(t, written(t, strings.ReplaceAll(`
host app   10.0.0.1
host redis 10.0.0.2
2.0 repeat 300 every 20ms {
    conn c{i} app:{42000+i} -> redis:6379
    c{i} > GET a => REPLY
    c{i} > QUIT => +OK
    c{i} > FIN
    c{i} < FIN
}
`, "REPLY", reply)), analysis.Options{})
		if f := faults(r)["RS205"]; !strings.Contains(f.Remedy, wants) {
			t.Errorf("%s: %q, want %q", reply, f.Remedy, wants)
		}
	}
	// One in three ends with an error.
	r := inspect(t, written(t, `
host app   10.0.0.1
host redis 10.0.0.2
2.0 repeat 100 every 60ms {
    conn a{i} app:{42000+i} -> redis:6379
    a{i} > GET a => -WRONGTYPE no
    a{i} > FIN
    a{i} < FIN
    conn b{i} app:{43000+i} -> redis:6379
    b{i} > GET a => $A
    b{i} > FIN
    b{i} < FIN
    conn c{i} app:{44000+i} -> redis:6379
    c{i} > GET a => $A
    c{i} > FIN
    c{i} < FIN
}
`), analysis.Options{})
	if f := faults(r)["RS205"]; !strings.Contains(f.Remedy, "Use a pool") {
		t.Errorf("one in three ends with an error: %q", f.Remedy)
	}
}

// TestReadonlyOfManyConnections: a client that closes each connection that answers READONLY is not told to.
func TestReadonlyOfManyConnections(t *testing.T) {
	const refused = "-READONLY You can't write against a read only replica."
	for script, kept := range map[string]bool{
		"conn c{i} app:{42000+i} -> redis:6379 ; c{i} > SET a 1 => REFUSED ; c{i} > FIN ; c{i} < FIN": false,
		"c > SET a 1 => REFUSED": true,
	} {
		r := inspect(t, written(t, strings.ReplaceAll(`
host app   10.0.0.1
host redis 10.0.0.2
conn c app:41999 -> redis:6379
c > SET a 1 => +OK
2.0 repeat 5 every 300ms {
    `+strings.ReplaceAll(script, " ; ", "\n    ")+`
}
`, "REFUSED", refused)), analysis.Options{})
		if f := faults(r)["RS307"]; f.Count != 5 || strings.Contains(f.Remedy, "Close pooled connections") != kept {
			t.Errorf("kept %v: %d times, %q", kept, f.Count, f.Remedy)
		}
	}
}

// TestARequestLostOnTheWay: all commands are alike, and only time tells that one of them had no reply: the client that went on
// was not behind, and nobody is accused of that.
func TestARequestLostOnTheWay(t *testing.T) {
	r := inspectReport(t, "lost_request")
	onlyFaults(t, "lost_request", r, "RS108")
	f := faults(r)["RS108"]
	if f.Count != 1 || f.Confidence < pairing.Likely || !strings.Contains(says(f), "GET bad (command 249, frame 502) got no reply") {
		t.Errorf("lost_request: %d times, %s\n%s", f.Count, f.Confidence, says(f))
	}
	for client, rows := range r.rows {
		for index, b := range rows {
			if _, served := r.serves[client][index]; served != (index != 249) || served && b.Index != index {
				t.Errorf("command %d: served %v, its caller got the reply of %d", index, served, b.Index)
			}
		}
	}
	onlyFaults(t, "lost_request_twin", inspectReport(t, "lost_request_twin"))
}

// TestNoRequestLost: what has replies behind the next command without one missing.
func TestNoRequestLost(t *testing.T) {
	for name, script := range map[string]string{
		"late, and answered in a pause": `
2.0      c > GET late
repeat 3 {
+400ms   c > GET n{i}
+300us   c < $w{i}
}
+100ms   c < $last
repeat 10 every 20ms { c > GET m{i} => $x{i} }`,
		// It writes as soon as it has the older reply; the server takes 4 ms.
		"a client that is one reply behind": `
2.0      c > GET a
+300.4ms c > GET b
+10ms    c < $A
repeat 30 {
+100us   c > GET n{i}
+1900us  c < $w{i}
}
+2ms     c < $z`,
	} {
		for _, policy := range []string{"", "policy 10.0.0.1=multiplex"} {
			s := `
` + policy + `
host app   10.0.0.1
host redis 10.0.0.2
conn c app:40001 -> redis:6379 rtt=200us
repeat 220 every 5ms { c > GET k{i} => $v{i} }` + script
			if got := of(inspect(t, written(t, s), analysis.Options{}), "RS108"); len(got) > 0 {
				t.Errorf("%s, %q: %s", name, policy, says(got[0]))
			}
		}
	}
}

// TestRepliesSpilledByATransaction: the confirmations of UNSUBSCRIBE fill EXEC's array, and what is due to SET and GET comes behind
// it: every later caller is two replies behind, to the end.
func TestRepliesSpilledByATransaction(t *testing.T) {
	r := inspectReport(t, "unsubscribe_in_multi")
	onlyFaults(t, "unsubscribe_in_multi", r, "RS103", "RS107")
	if f := faults(r)["RS107"]; f.Count != 2 || f.Confidence != pairing.Proven || !strings.Contains(f.Remedy, "redis#12207") || strings.Contains(f.Remedy, "valkey#759") {
		t.Errorf("RS107: %d times, %s, %q", f.Count, f.Confidence, f.Remedy)
	}
	if f := faults(r)["RS103"]; f.Count != 8 {
		t.Errorf("RS103: %d calls, want 8", f.Count)
	}
	for _, rows := range r.rows {
		for index := 49; index <= 56; index++ {
			b, want := rows[index], index-2
			if want <= 48 {
				want = 0 // what was spilled
			}
			if b.Index != want || want == 0 && b.Outcome != pairing.Extra {
				t.Errorf("command %d: its caller got %+v, want the reply of %d", index, b, want)
			}
		}
	}
}

// TestLateRepliesThrownAway: a client whose callers have gone throws their replies away: at most it is said to be possible that a
// later caller got one, also where what was given up is a blocking command.
func TestLateRepliesThrownAway(t *testing.T) {
	results := map[string]result{
		"radix": inspectReport(t, "late_reply_discarded"),
		"a blocking command given up": inspect(t, written(t, `
host app   10.0.0.1
host redis 10.0.0.2
conn c app:42000 -> redis:6379
repeat 210 every 1ms { c > GET k{i} => $v{i} }
1.0    c > BLPOP jobs 3
+300ms c > GET a
+550ms c > GET b
2.9    c < [ $jobs $job-17 ] | $A | $B
repeat 40 every 10ms { c > GET e{i} => $E{i} }`), analysis.Options{}),
	}
	for name, r := range results {
		for _, rule := range []string{"RS101", "RS102", "RS103", "RS104"} {
			if c := surest(of(r, rule)); c > pairing.Possible {
				t.Errorf("%s: %s is %s, want at most possible", name, rule, c)
			}
		}
	}
	if len(of(results["radix"], "RS401")) == 0 {
		t.Error("radix: the stalls are not reported")
	}
}
