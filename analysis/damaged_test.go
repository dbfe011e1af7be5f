package analysis

import (
	"iter"
	"testing"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// playDamaged runs a damaged capture through the analysis.
func playDamaged(t *testing.T, name string, how scenario.Damage) (rows []row) {
	t.Helper()
	src, err := capture.Open([]string{testcap.Path(t, name)}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all []capture.Packet
	for p, err := range src.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		p.Data = append([]byte(nil), p.Data...)
		all = append(all, p)
	}
	var packets iter.Seq2[capture.Packet, error] = func(yield func(capture.Packet, error) bool) {
		for _, p := range scenario.Apply(all, how) {
			if !yield(p, nil) {
				return
			}
		}
	}
	for e, err := range NewRun(nil).Events(reassembly.New(reassembly.Options{}).Segments(packets)) {
		if err != nil {
			t.Fatal(err)
		}
		if ex, ok := e.(*pairing.Exchange); ok {
			rows = append(rows, row{port: ex.Session.Client.Port(), conn: ex.Session.ID, index: ex.Index, time: ex.Time, belief: ex.Belief})
		}
	}
	return rows
}

// TestCutCapturesAreRead holds captures whose packets were cut short against the clients' own logs: a reply that is cut is
// one all the same.
func TestCutCapturesAreRead(t *testing.T) {
	var jedis jedisTruth
	truth(t, "01a_jedis262_buggy_T300", &jedis)
	var asyncio asyncioTruth
	truth(t, "02a_redispy451_asyncio_cancel", &asyncio)
	var cancelled []misread
	for _, m := range asyncio.Misreads {
		cancelled = append(cancelled, misread{m.Port, m.Index, m.Reply, m.Time})
	}
	for _, c := range []struct {
		name   string
		want   []misread
		snap   int
		recall float64
	}{
		{"01a_jedis262_buggy_T300.pcap", jedisMisreads(jedis), 256, 0.8}, {"01a_jedis262_buggy_T300.pcap", jedisMisreads(jedis), 96, 0.6},
		{"02a_redispy451_asyncio_cancel.pcap", cancelled, 256, 0.8}, {"02a_redispy451_asyncio_cancel.pcap", cancelled, 96, 0.6},
	} {
		rows := playDamaged(t, c.name, scenario.Snap(c.snap))
		if hit, _, _ := score(rows, c.want, pairing.Likely); float64(hit) < c.recall*float64(len(c.want)) {
			t.Errorf("%s cut to %d bytes: %d of %d misreads found, want %.2f", c.name, c.snap, hit, len(c.want), c.recall)
		}
		if hit, wrong, _ := score(rows, c.want, pairing.Strong); float64(hit) < 0.98*float64(hit+wrong) {
			t.Errorf("%s cut to %d bytes: of what is said strong, %d are right and %d wrong", c.name, c.snap, hit, wrong)
		}
	}
}
