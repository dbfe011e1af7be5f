package detectors_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
)

// inspectCapture runs every rule over a real capture.
func inspectCapture(t *testing.T, name string) result {
	t.Helper()
	src, err := capture.Open([]string{testcap.Path(t, name)}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	return inspect(t, src.Packets(), analysis.Options{})
}

// of returns the findings of one rule.
func of(r result, rule string) (list []incident.Finding) {
	for _, f := range r.findings {
		if f.Rule == rule {
			list = append(list, f)
		}
	}
	return list
}

func counted(list []incident.Finding) (n int) {
	for _, f := range list {
		n += f.Count
	}
	return n
}

// surest returns the highest confidence of the findings.
func surest(list []incident.Finding) (c pairing.Confidence) {
	for _, f := range list {
		c = max(c, f.Confidence)
	}
	return c
}

// says returns all texts of a finding, for a search in them.
func says(f incident.Finding) string {
	var b strings.Builder
	b.WriteString(f.Title + "\n" + f.Remedy + "\n" + strings.Join(f.Notes, "\n"))
	for _, e := range f.Examples {
		b.WriteString("\n" + strings.Join(e.Facts, "\n"))
	}
	return b.String()
}

// truth reads a truth file.
func truth(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(testcap.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// TestPoolRulesOnCaptures compares the rules on pools and connections with the captures' notes: findings of a
// rule, how often, how sure, and words that must be there.
func TestPoolRulesOnCaptures(t *testing.T) {
	type want struct {
		count int
		sure  pairing.Confidence
		says  []string
	}
	for name, wants := range map[string]map[string]want{
		"03a_jedispool_leak_4s.pcap": {
			"RS202": {12, pairing.Strong, []string{"every 4 s", "at least 12 pools"}},
			"RS203": {33, pairing.Strong, nil},
			"RS204": {96, pairing.Proven, []string{"100 connections were refused", "198.18.0.2 10", "12 pools"}},
			"RS206": {66, pairing.Proven, []string{"maxclients", "sends no packet"}},
			"RS209": {24, pairing.Likely, []string{"24 SYNs refused", "4 s"}},
		},
		"lab_j1.pcap": {
			"RS202": {3, pairing.Strong, []string{"29.96, 4.04, 11.05 mod 30 s", "4.04 s, 7.00 s"}},
			"RS203": {9, pairing.Strong, []string{"every 60 s"}},
			"RS209": {2, pairing.Likely, nil},
		},
		"lab_s1.pcap": {
			"RS204": {2, pairing.Proven, []string{"its caller reads the refusal"}},
			"RS206": {1, pairing.Proven, []string{"maxclients"}},
		},
		"seed1_article.pcap": {
			"RS210": {1, pairing.Likely, []string{"consistent with the Jedis default 2 s", "in 107 us", "2.252263 s", "the server process stalled, not the network"}},
			"RS201": {1, pairing.Strong, []string{"FIN at 01:17:27.574951", "CLOSE_WAIT", "no client FIN", "`timeout 60`", "frame 14 is a keep-alive probe, no data"}},
		},
		"01f_jedis262_timeouts_only.pcap": {"RS210": {3, pairing.Likely, []string{"QUIT"}}},
		"01c_jedis262_fixed_T300.pcap":    {"RS210": {552, pairing.Strong, []string{"correctly"}}},
		"02a_redispy451_asyncio_cancel.pcap": {
			"RS211": {317, pairing.Likely, []string{"no timer", "does not"}}, // of 334
		},
		// Of 324; where several connections close one after the other within 5 ms it is not told from the end of a process.
		"02d_redispy455_asyncio_fixed.pcap": {"RS211": {185, pairing.Likely, []string{"no timer", "here it does."}}},
		"04_sentinel.pcap":                  nil,
		"04_replication_psync.pcap":         nil,
		"04_ioredis.pcap":                   nil,
		"04_goredis_pipeline.pcap":          nil,
		"04_cluster_moved_cli.pcap":         nil,
		"04_misc.pcap":                      nil,
		"04_monitor.pcap":                   nil,
		"04_reply.pcap":                     nil,
		"04_inline_nc.pcap":                 nil,
		"07b_hiredis_reconnect.pcap":        {"RS210": {3, pairing.Strong, []string{"correctly"}}},
		"lab_h1.pcap":                       nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := inspectCapture(t, name)
			for _, f := range r.findings {
				if _, ok := wants[f.Rule]; strings.HasPrefix(f.Rule, "RS2") && !ok {
					t.Errorf("%s: %s", f.Rule, f.Title)
				}
			}
			for rule, w := range wants {
				list := of(r, rule)
				if n := counted(list); n != w.count || surest(list) < w.sure {
					t.Errorf("%s: %d times, %s; want %d times, at least %s", rule, n, surest(list), w.count, w.sure)
				}
				for _, text := range w.says {
					if !slices.ContainsFunc(list, func(f incident.Finding) bool { return strings.Contains(says(f), text) }) {
						t.Errorf("%s does not say %q", rule, text)
					}
				}
			}
		})
	}
}

// TestLeakedConnections holds RS201 against the clients' own lists of lost connections: none but these, and all of them but
// one of 01a. That was lost 60 ms before the end of the capture, so that only a reply owed would show it, and its late reply
// looks as if it had been read.
func TestLeakedConnections(t *testing.T) {
	for name, missed := range map[string]int{"01a_jedis262_buggy_T300": 1, "01a_small": 0} {
		var known struct{ Leaked []struct{ Lport uint16 } }
		truth(t, name+".truth.json", &known)
		var want, got []uint16
		for _, l := range known.Leaked {
			want = append(want, l.Lport)
		}
		for _, c := range inspectCapture(t, name+".pcap").conns {
			if slices.Contains(c.Findings, "RS201") {
				got = append(got, c.Client.Port())
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if other := func(port uint16) bool { return !slices.Contains(want, port) }; len(want) == 0 || slices.ContainsFunc(got, other) || len(got) < len(want)-missed {
			t.Errorf("%s: lost connections %v, want %v", name, got, want)
		}
	}
}

// TestRefusalAnswersNoCommand holds the pairing against a real refusal, which followed MGET by 9 us, and by
// its ACK number answers nothing. Where the server's kernel had acknowledged the command, only the text shows it.
func TestRefusalAnswersNoCommand(t *testing.T) {
	r := inspectCapture(t, "lab_s1.pcap")
	for _, port := range []uint16{59732, 59746} {
		if n, ok := r.serves[netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)][1]; ok {
			t.Errorf("port %d: MGET is served by %d, want no reply", port, n)
		}
	}
	var known struct {
		ErrMax []struct{ Lport uint16 } `json:"err_max"`
	}
	truth(t, "03a_jedispool_leak_4s.truth.json", &known)
	r = inspectCapture(t, "03a_jedispool_leak_4s.pcap")
	for _, c := range known.ErrMax {
		if n, ok := r.serves[netip.AddrPortFrom(netip.MustParseAddr("198.18.0.2"), c.Lport)][1]; ok {
			t.Errorf("port %d: the first command is served by %d, want no reply", c.Lport, n)
		}
	}
}

// TestArticleTimeout holds what RS210 says of the article's connection A.
func TestArticleTimeout(t *testing.T) {
	s := load(t, "../../testdata/scenarios/rs109/fires_article_a.txt")
	list := of(inspect(t, s.Packets(), optionsOf(t, s)), "RS210")
	if len(list) != 1 || list[0].Count != 1 || list[0].Confidence != pairing.Likely {
		t.Fatalf("%d findings, want one that is likely: %+v", len(list), list)
	}
	for _, text := range []string{"waited 2.002272 s", "consistent with the Jedis default 2 s", "in 107 us", "2.252263 s after that", "the server process stalled, not the network"} {
		if !strings.Contains(says(list[0]), text) {
			t.Errorf("not said: %q in\n%s", text, says(list[0]))
		}
	}
}

// TestChurnUnderLoss loses half of the packets: connections whose commands are lost are neither short nor idle. The captures as they are
// have neither fault in the first, and evictor churn in the second.
func TestChurnUnderLoss(t *testing.T) {
	for name, churn := range map[string]int{"02d_redispy455_asyncio_fixed.pcap": 0, "03a_jedispool_leak_4s.pcap": 1} {
		list := testcap.Packets(t, name)
		if n := len(of(inspect(t, each(list), analysis.Options{}), "RS203")); n != churn {
			t.Errorf("%s: RS203 %d times, want %d", name, n, churn)
		}
		for seed := range uint64(4) {
			r := inspect(t, each(scenario.Apply(list, scenario.DropRate(0.5, seed+1))), analysis.Options{})
			if n := len(of(r, "RS205")); n > 0 {
				t.Errorf("%s, seed %d: RS205 %d times", name, seed, n)
			}
			if n := len(of(r, "RS203")); n > 0 && churn == 0 {
				t.Errorf("%s, seed %d: RS203 %d times", name, seed, n)
			}
		}
	}
}
