package detectors_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

// TestCutCapturesSayNothingNew cuts the packets of real captures short, and leaves out what one side sent: a rule that was
// silent must not be strong then.
func TestCutCapturesSayNothingNew(t *testing.T) {
	for _, name := range []string{"01a_small.pcap", "01c_jedis262_fixed_T300.pcap", "02d_redispy455_asyncio_fixed.pcap", "03a_jedispool_leak_4s.pcap"} {
		whole := testcap.Packets(t, name)
		said := strongRules(inspect(t, each(whole), analysis.Options{}))
		damages := map[string][]capture.Packet{"client only": fromClients(whole, true), "server only": fromClients(whole, false)}
		for _, n := range []int{68, 80, 96} {
			damages[fmt.Sprintf("%d bytes a packet", n)] = cutTo(whole, n)
		}
		for what, packets := range damages {
			for rule := range strongRules(inspect(t, each(packets), analysis.Options{})) {
				if !said[rule] {
					t.Errorf("%s, %s: %s", name, what, rule)
				}
			}
		}
	}
}

// strongRules are the rules with a finding that is strong or surer, but for those that concern the capture.
func strongRules(r result) map[string]bool {
	rules := map[string]bool{}
	for _, f := range r.findings {
		if f.Confidence >= pairing.Strong && !strings.HasPrefix(f.Rule, "RS9") {
			rules[f.Rule] = true
		}
	}
	return rules
}

func cutTo(list []capture.Packet, n int) []capture.Packet {
	out := make([]capture.Packet, len(list))
	for i, p := range list {
		p.Data = p.Data[:min(n, len(p.Data))]
		out[i] = p
	}
	return out
}

// fromClients keeps what one side sent: in these captures the clients are at 198.18.0.2, behind Ethernet and IPv4 without
// options.
func fromClients(list []capture.Packet, client bool) []capture.Packet {
	var out []capture.Packet
	for _, p := range list {
		if from := len(p.Data) > 30 && string(p.Data[26:30]) == "\xc6\x12\x00\x02"; from == client {
			out = append(out, p)
		}
	}
	return out
}
