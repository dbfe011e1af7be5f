package detectors

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// TornTransaction is RS111: a MULTI block that was split, over two connections or between two callers.
func TornTransaction() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS111", Name: "torn-transaction", Severity: incident.High, Since: "0.1.0",
		Summary: "a MULTI block was split: part of it ran outside the transaction",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS307"}, Share: incident.SameTime},
		},
		Step: incident.StepText{One: "1 transaction was torn", Many: "%d transactions were torn"},
		Params: []incident.Param{
			{Name: "replay_window", Default: "30s", Meaning: "how long after a connection died inside MULTI an EXEC without MULTI belongs to it"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &tornBlocks{
				r: r, window: r.Duration("replay_window"),
				limit: r.EvidenceBound(maxTorn, "connections that ended inside MULTI within the replay window", "transactions that were torn by the end of earlier ones"),
			}
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "transaction was", "transactions were") + " split: commands of it ran without atomicity"
			}
			r.Remedy = func(*incident.Finding) string {
				return "The commands of this transaction ran outside MULTI after a reconnect, or inside somebody else's: they were applied without " +
					"atomicity. Disable command replay for transactions (ioredis: retry the whole block), give each transaction a connection of its " +
					"own, and check the keys listed."
			}
			return analysis.Hooks{Control: w.closed, Error: w.refused}
		},
	}
}

// maxTorn bounds the connections that are remembered to have ended inside MULTI.
const maxTorn = 256

// tornBlocks joins the halves of split transactions.
type tornBlocks struct {
	r      *analysis.Reporter
	window time.Duration
	halfs  [maxTorn]half
	next   int
	limit  *bound.Bound // of halfs
}

// half is a connection that ended inside MULTI.
type half struct {
	client        netip.AddrPort
	server        netip.AddrPort
	conn          int64
	multi, queued int
	at            capture.Time
}

// closed remembers a connection whose end begins while it is inside MULTI.
func (w *tornBlocks) closed(c *analysis.Control) {
	if c.Segment.Flags&(reassembly.FIN|reassembly.RST) == 0 {
		return
	}
	s := c.Session
	multi, queued, ok := s.InTransaction()
	if last := &w.halfs[(w.next+maxTorn-1)%maxTorn]; !ok || last.conn == s.ID {
		return
	}
	x := &w.halfs[w.next%maxTorn]
	if x.conn > 0 && c.Segment.Time.Sub(x.at) <= w.window {
		w.limit.Hits++
	}
	*x = half{s.Client, s.Server, s.ID, multi, queued, c.Segment.Time}
	w.next++
}

func (w *tornBlocks) refused(a *analysis.Answered) {
	switch {
	case bytes.HasPrefix(a.Reply.Text, []byte("ERR EXEC without MULTI")):
		if h := w.half(a); h != nil {
			w.report(a, pairing.Strong,
				fmt.Sprintf("%s inside the MULTI of its command %d, %s queued, and was not executed", w.died(h, a), h.multi, incident.Counted(h.queued, "command", "commands")),
				fmt.Sprintf("%s later the same client sent EXEC without MULTI on another connection, to %s: what stood between was carried out one by one",
					seconds(a.Exchange.Time.Sub(h.at)), a.Session.Server))
			h.conn = 0
		}
	case bytes.HasPrefix(a.Reply.Text, []byte("ERR MULTI calls can not be nested")):
		multi, queued, open := a.Session.InTransaction()
		if !open {
			return
		}
		conf := pairing.Proven
		if a.Session.Lossy() {
			conf = pairing.Possible
		}
		w.report(a, conf,
			fmt.Sprintf("the transaction that command %d had begun was still open, with %s queued", multi, incident.Counted(queued, "command", "commands")),
			fmt.Sprintf("the second MULTI came after a pause of %s; what both queue runs with the first EXEC", seconds(a.Exchange.Idle())))
	}
}

// half finds the connection of the same client that died inside MULTI last.
func (w *tornBlocks) half(a *analysis.Answered) *half {
	for i := range min(w.next, maxTorn) {
		h := &w.halfs[(w.next-1-i)%maxTorn]
		d := a.Exchange.Time.Sub(h.at)
		if h.conn > 0 && h.conn != a.Session.ID && h.client.Addr() == a.Session.Client.Addr() && d >= 0 && d <= w.window {
			return h
		}
	}
	return nil
}

func (w *tornBlocks) died(h *half, a *analysis.Answered) string {
	return fmt.Sprintf("the connection %s > %s ended", h.client, h.server)
}

func (w *tornBlocks) report(a *analysis.Answered, conf pairing.Confidence, facts ...string) {
	run, ex := w.r.Run(), a.Exchange
	weak := a.Session.Lossy() || ex.Flags&pairing.Uncertain != 0
	if weak {
		conf = conf.Down()
	}
	text := run.Describe(ex, &ex.Serves)
	w.r.Add(ofSession(a.Session, incident.Occurrence{
		Time: ex.Time, Severity: incident.High, Confidence: conf, Weakened: weak,
		Evidence: func() incident.Example {
			return incident.Example{
				File: run.File(ex.File), Frames: frames(ex.Frame, ex.Serves.Frame),
				Facts: append([]string{fmt.Sprintf("%s was answered with %q", cited(run, ex), text)}, facts...),
			}
		},
	}))
}
