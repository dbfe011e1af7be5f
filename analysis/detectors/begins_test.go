package detectors_test

import (
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
)

// TestCapturesThatBeginAnywhere leaves out the first packets of healthy captures, as many as there may be: a reply to a command
// from before the capture is what is to be expected there, and no fault of the server.
func TestCapturesThatBeginAnywhere(t *testing.T) {
	for _, name := range []string{
		"04_multi.pcap", "04_pubsub.pcap", "04_tracking.pcap", "04_resp3.pcap", "04_misc.pcap", "04_inline_nc.pcap", "04_reply.pcap", "04_monitor.pcap",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := testcap.Packets(t, name)
			said := strongRules(inspect(t, each(whole), analysis.Options{}))
			for n := 1; n < len(whole); n += exhaustive.Sparse(37) {
				r := inspect(t, replay(scenario.Apply(whole, scenario.StartAt(n))), analysis.Options{})
				for _, f := range r.findings {
					if f.Rule >= "RS105" && f.Rule <= "RS108" && !said[f.Rule] {
						t.Errorf("from packet %d: %s %s %s", n, f.Rule, f.Confidence, f.Title)
					}
				}
			}
		})
	}
}
