package analysis_test

import (
	"fmt"
	"iter"
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// place is where a command or a reply ends in its stream, by the sequence number as sent.
type place struct {
	client netip.AddrPort
	seq    uint32
	at     capture.Time
}

// pairOf is what a run says of each command: where its reply ends. An uncertain command is there with sure false.
type pairOf map[place]struct {
	reply        uint32
	served, sure bool
	what         string
}

func replay(list []capture.Packet) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for i, p := range list {
			p.Frame = int64(i + 1)
			if !yield(p, nil) {
				return
			}
		}
	}
}

// pair runs a capture and collects the pairing.
func pair(tb testing.TB, packets []capture.Packet) pairOf {
	tb.Helper()
	base := map[int64]*[2]uint32{} // sequence number of offset 0, by connection and side
	clients := map[int64]reassembly.Side{}
	segments := reassembly.New(reassembly.Options{}).Segments(replay(packets))
	tap := func(yield func(*reassembly.Segment, error) bool) {
		for seg, err := range segments {
			if err == nil && seg.End == reassembly.NotEnded {
				b := base[seg.Conn.ID]
				if b == nil {
					b = &[2]uint32{}
					base[seg.Conn.ID] = b
				}
				if seg.Length > 0 {
					// A segment that repeats bytes begins before its first new one.
					b[seg.From] = seg.RawSeq + uint32(seg.Repeated) - uint32(seg.Offset)
				}
			}
			if !yield(seg, err) {
				return
			}
		}
	}
	out := pairOf{}
	for e, err := range analysis.NewRun(&analysis.Options{}).Events(tap) {
		if err != nil {
			tb.Fatal(err)
		}
		switch e := e.(type) {
		case *analysis.Opened:
			if e.Session.Conn != nil {
				side := reassembly.A
				if e.Session.Conn.Ends[1] == e.Session.Client {
					side = reassembly.B
				}
				clients[e.Session.ID] = side
			}
		case *pairing.Exchange:
			s := e.Session
			b, side := base[s.ID], clients[s.ID]
			p := place{s.Client, b[side] + uint32(e.End), e.EndTime}
			x := out[p]
			x.served, x.sure = e.Served, e.Flags&pairing.Uncertain == 0
			x.reply = b[side.Other()] + uint32(e.Serves.End)
			x.what = fmt.Sprintf("command %d %s of %s, frame %d, reply %s in frame %d", e.Index, e.CommandName(), s.Client, e.Frame, e.Serves.Kind, e.Serves.Frame)
			out[p] = x
		}
	}
	return out
}

// TestPairsSurviveLoss drops every single packet in turn, and begins the capture at every fourth: of every seventh packet,
// unless the run is exhaustive. Each command that is not marked uncertain must keep the reply that it has in the whole
// capture.
func TestPairsSurviveLoss(t *testing.T) {
	const longest = 500 // of longer captures, some forty packets
	for _, name := range []string{
		"01a_small.pcap", "seed1_article.pcap", "04_auth.pcap", "04_binary.pcap", "04_cluster_moved_cli.pcap", "04_goredis_pipeline.pcap",
		"04_inline_nc.pcap", "04_ioredis.pcap", "04_large.pcap", "04_misc.pcap", "04_monitor.pcap", "04_multi.pcap", "04_pubsub.pcap",
		"04_replication_psync.pcap", "04_reply.pcap", "04_resp3.pcap", "04_sentinel.pcap", "04_tracking.pcap",
	} {
		t.Run(name, func(t *testing.T) {
			packets := testcap.Packets(t, name)
			packets = packets[:min(len(packets), 700)]
			step := 1
			if len(packets) > longest {
				step = len(packets)/40 + 1
			}
			step *= exhaustive.Sparse(7)
			clean := pair(t, packets)
			sure, all := 0, 0
			for n := 0; n < len(packets); n += step {
				for _, d := range []struct {
					what   string
					damage scenario.Damage
				}{{"lost", scenario.DropOne(n)}, {"and those before it lost", scenario.StartAt(n)}}[:2-min(n/step%4, 1)] {
					got := pair(t, scenario.Apply(packets, d.damage))
					for p, x := range got {
						want, ok := clean[p]
						if !ok {
							continue
						}
						all++
						if !x.sure || !x.served {
							continue
						}
						sure++
						if !want.served || want.reply != x.reply {
							t.Errorf("packet %d %s: %s, not as in the whole capture: %s", n+1, d.what, x.what, want.what)
						}
					}
					if t.Failed() {
						return
					}
				}
			}
			t.Logf("%d of %d pairs are certain", sure, all)
		})
	}
}
