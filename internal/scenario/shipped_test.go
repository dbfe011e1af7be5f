package scenario

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

// shipped reads every scenario of the repository.
func shipped(t *testing.T) map[string]*Scenario {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "scenarios", "rs*", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios found")
	}
	out := map[string]*Scenario{}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(name, src)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = s
	}
	return out
}

// TestShippedScenarios checks the form of each: a firing one wants its rule, a silent one does not and says that it is
// silent, both make packets.
func TestShippedScenarios(t *testing.T) {
	for name, s := range shipped(t) {
		rule := strings.ToUpper(filepath.Base(filepath.Dir(name)))
		t.Run(rule+"/"+filepath.Base(name), func(t *testing.T) {
			wanted := slices.ContainsFunc(s.Wants, func(w Want) bool { return w.Rule == rule })
			switch fires := strings.HasPrefix(filepath.Base(name), "fires_"); {
			case fires && (!wanted || s.Silent):
				t.Errorf("it does not want %s, or says that it is silent", rule)
			case !fires && (wanted || !s.Silent):
				t.Errorf("it wants %s, or does not say that it is silent", rule)
			case !fires && !strings.HasPrefix(filepath.Base(name), "silent_"):
				t.Error("its name begins with neither fires_ nor silent_")
			}
			if slices.Contains(s.Allow, rule) {
				t.Errorf("it allows %s, its own rule", rule)
			}
			n := 0
			for p := range s.Packets() {
				if _, ok := parseFrame(p); !ok {
					t.Fatalf("frame %d is no TCP", p.Frame)
				}
				n++
			}
			if n == 0 {
				t.Error("no packets")
			}
		})
	}
}

// deliberate finds what tshark rightly finds odd.
var deliberate = regexp.MustCompile(`\b(lost|unseen|again|keepalive|window|SYN|damage|midstream|ack=\d+)\b|RST bare`)

// TestTsharkFindsNothingOddInShipped joins all scenarios that do nothing odd to TCP on purpose, each in a network of
// its own, and lets tshark look at them in one run.
func TestTsharkFindsNothingOddInShipped(t *testing.T) {
	var all []capture.Packet
	names := map[string]string{}
	for name, s := range shipped(t) {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`(?m)(^|\s)# .*$`).ReplaceAllString(string(src), "")
		if deliberate.MatchString(text) || strings.Contains(text, "[2001:") || strings.Contains(text, "172.30.") {
			continue
		}
		n := len(names) + 1
		names["10."+strconv.Itoa(n)+"."] = name
		all = append(all, Apply(s.List(), rewrite(func(f *frame) {
			f.ip[13], f.ip[17] = byte(n), byte(n)
		}))...)
	}
	if len(names) < 60 || len(names) > 250 {
		t.Fatalf("%d scenarios to look at", len(names))
	}
	for _, l := range anomalies(t, Merge(all)) {
		for prefix, name := range names {
			if strings.Contains(l, " "+prefix) {
				t.Errorf("%s: %s", name, l)
			}
		}
	}
}
