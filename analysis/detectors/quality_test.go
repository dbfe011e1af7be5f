package detectors_test

import (
	"iter"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// ofQuality returns what is found of a capture itself, by rule.
func ofQuality(t *testing.T, packets iter.Seq2[capture.Packet, error], drops capture.Drops) map[string]incident.Finding {
	t.Helper()
	asm := reassembly.New(reassembly.Options{})
	run := analysis.NewRun(nil)
	run.QualityFrom(func() analysis.CaptureQuality {
		return analysis.CaptureQuality{Stats: asm.Stats(), Unread: asm.Unread(), Drops: drops}
	})
	found := map[string]incident.Finding{}
	for f, err := range run.Detect(run.Events(asm.Segments(packets)), detectors.All()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Rule > "RS9" {
			found[f.Rule] = f
		}
	}
	return found
}

func each(list []capture.Packet) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for _, p := range list {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// TestQualityOfRealCaptures: what whole captures hide, all and only that.
func TestQualityOfRealCaptures(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"01a_small.pcap":                    {},
		"02d_redispy455_asyncio_fixed.pcap": {},
		"04_ioredis.pcap":                   {},
		"04_large.pcap":                     {},
		"04_replication_psync.pcap":         {},
		"04_tls.pcap":                       {"RS906": "not RESP"},
		"07b_hiredis_reconnect.pcap":        {},
		"seed1_article.pcap": {
			"RS901": "1 packet without data is missing",
			"RS903": "2 connections began before the capture",
		},
	} {
		found := ofQuality(t, each(testcap.Packets(t, name)), capture.Drops{})
		for rule, f := range found {
			if want[rule] == "" || !strings.Contains(f.Title, want[rule]) {
				t.Errorf("%s: %s: %s, want %q", name, rule, f.Title, want[rule])
			}
		}
		for rule := range want {
			if _, ok := found[rule]; !ok {
				t.Errorf("%s: no %s", name, rule)
			}
		}
	}
}

// TestMissingACKOfTheArticle: the packet that the article's excerpt lacks is known by the timestamp that the server's
// keep-alive probe echoes.
func TestMissingACKOfTheArticle(t *testing.T) {
	f := ofQuality(t, each(testcap.Packets(t, "seed1_article.pcap")), capture.Drops{})["RS901"]
	if f.Severity != incident.Info || len(f.Examples) != 1 || !strings.Contains(strings.Join(f.Examples[0].Facts, " "), "400341063") {
		t.Errorf("%+v", f)
	}
}

// TestKernelDrops takes the closing lines of the article's tcpdump.
func TestKernelDrops(t *testing.T) {
	drops, ok := capture.ParseDrops("4492851 packets captured\n4675218 packets received by filter\n182367 packets dropped by kernel\n")
	if !ok {
		t.Fatal("not read")
	}
	f := ofQuality(t, each(testcap.Packets(t, "seed1_article.pcap")), drops)["RS901"]
	if want := "182,367 of 4,675,218 packets (3.90 %) are missing"; !strings.HasPrefix(f.Title, want) || f.Severity != incident.Low {
		t.Errorf("%s: %s, want %s", f.Severity, f.Title, want)
	}
}

// TestLossNamesWhatItWeakened: findings marked as weakened are named by RS901, and loss is always reported.
func TestLossNamesWhatItWeakened(t *testing.T) {
	whole := testcap.Packets(t, "01a_small.pcap")
	for seed := range uint64(10) {
		list := scenario.DropRate(0.05, seed)(whole)
		asm := reassembly.New(reassembly.Options{})
		run := analysis.NewRun(nil)
		weak, notes := map[string]bool{}, ""
		lost := false
		for f, err := range run.Detect(run.Events(asm.Segments(each(list))), detectors.All()) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Weakened {
				weak[f.Rule] = true
			}
			if f.Rule == "RS901" {
				lost, notes = f.Severity == incident.Low, strings.Join(f.Notes, " ")
			}
		}
		if asm.Stats().LostBytes > 0 && !lost {
			t.Errorf("seed %d: %d bytes lost, not reported", seed, asm.Stats().LostBytes)
		}
		for rule := range weak {
			if !strings.Contains(notes, rule) {
				t.Errorf("seed %d: %s is weakened, and RS901 says %q", seed, rule, notes)
			}
		}
	}
}
