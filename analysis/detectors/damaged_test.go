package detectors_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
)

// from leaves out the first share of the packets: the capture began late.
func from(share float64) scenario.Damage {
	return func(p []capture.Packet) []capture.Packet { return scenario.StartAt(int(share * float64(len(p))))(p) }
}

// between leaves out all but a share of the packets: the capture ended early, or is a file of a ring.
func between(from, to float64) scenario.Damage {
	return func(p []capture.Packet) []capture.Packet {
		end := int(to * float64(len(p)))
		return scenario.StartAt(int(from * float64(len(p))))(p[:end])
	}
}

// TestHealthyCapturesUnderDamage damages captures of clients that do nothing wrong: whatever is lost of them, nobody is
// accused of what the whole capture does not show.
func TestHealthyCapturesUnderDamage(t *testing.T) {
	damages := map[string]scenario.Damage{
		"snaplen 96": scenario.Snap(96), "snaplen 128": scenario.Snap(128), "snaplen 256": scenario.Snap(256),
		"from 10 %": from(0.1), "from 50 %": from(0.5), "up to 40 %": between(0, 0.4), "up to 60 %": between(0, 0.6), "a tenth": between(0.5, 0.6),
		"1 % lost": scenario.DropRate(0.01, 10), "5 % lost": scenario.DropRate(0.05, 10), "5 % lost in bursts": scenario.DropBursts(0.05, 8, 9),
		"client side only": scenario.OneSide(scenario.Client), "server side only": scenario.OneSide(scenario.Server),
		"reordered": scenario.Reorder(0.1, 2), "retransmitted": scenario.SpuriousRetransmit(0.05, 6),
	}
	captures := []string{
		"09d_aioredis_cancelled_healthy.pcap", "08g_goredis6_healthy.pcap", "09a_ruby_interrupted_healthy.pcap", "08j_hiredis_reconnects.pcap",
		"01f_jedis262_timeouts_only.pcap", "02d_redispy455_asyncio_fixed.pcap", "04_goredis_pipeline.pcap", "04_ioredis.pcap", "04_sentinel.pcap",
		"07b_hiredis_reconnect.pcap", "08f_ioredis4_healthy.pcap", "08h_redigo_healthy.pcap", "08i_rueidis_cancelled_healthy.pcap",
		"09b_phpredis_T120_healthy.pcap", "09c_perl_T120_healthy.pcap", "09e_redispy_cancelled_healthy.pcap", "09g_redispy_threads_T100_healthy.pcap",
		"24a_gomux_ok_low_T150.pcap", "41b_ioredis4_low_T150_wan.pcap",
	}
	if exhaustive.Step(2) > 1 {
		captures = captures[:4]
	}
	for i, name := range captures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := testcap.Packets(t, name)
			base := accused(inspect(t, each(whole), analysis.Options{}))
			names := share(damages, i)
			if i == 0 { // its callers give up often and share connections: what is uncertain shows here first
				names = slices.Sorted(maps.Keys(damages))
			}
			for _, what := range names {
				for rule, f := range accused(inspect(t, replay(scenario.Apply(whole, damages[what])), analysis.Options{})) {
					if _, ok := base[rule]; !ok {
						t.Errorf("%s: new %s %s %s: %s", what, rule, f.Severity, f.Confidence, f.Title)
					}
				}
			}
		})
	}
}

// accused are the findings of RS1xx that concern somebody, by rule.
func accused(r result) map[string]incident.Finding {
	m := map[string]incident.Finding{}
	for _, f := range r.findings {
		if f.Rule < "RS2" && f.Severity >= incident.Medium {
			m[f.Rule] = f
		}
	}
	return m
}
