package detectors

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// ForeignMoved is RS106: a redirect that was taken for a command it has nothing to do with. The slot that it names is
// not the slot of that command's key.
func ForeignMoved() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS106", Name: "foreign-moved", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a redirect was taken for a command whose key is in another slot",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS407"}, Share: incident.SameConnection},
			{Rules: []string{"RS103"}, Share: incident.SameConnection, Otherwise: true},
			{Rules: []string{"RS101", "RS102", "RS104"}, Share: incident.SameConnection, Otherwise: true},
		},
		Step: incident.StepText{
			One:  "1 redirect was taken for a key that it is not about",
			Many: "%d redirects were taken for keys that they are not about",
		},
		Params: []incident.Param{
			{Name: "follow_window", Default: "2s", Meaning: "how soon a client that follows a redirect does so"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &foreignMoves{
				r: r, window: r.Duration("follow_window"),
				limit: r.DetailBound(maxRedirects, "redirects within the follow window", "that a caller followed a redirect: the finding is then less sure"),
			}
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s about another command's slot", incident.Counted(f.Count, "redirect was read that is", "redirects were read that are"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "This redirect is not about your key. The cluster did not move anything: the reply belongs to another command, named in the " +
					"evidence. Do not touch the slot layout; fix the handling of the connection (RS101, RS102)."
			}
			return analysis.Hooks{Desync: w.believed, Error: w.redirected, Aligned: w.served, Odd: w.contradicted}
		},
	}
}

// foreignMoves looks for redirects about other slots: those that callers got, and those on the wire itself.
type foreignMoves struct {
	r      *analysis.Reporter
	window time.Duration
	recent [maxRedirects]redirected
	next   int
	limit  *bound.Bound // of recent
}

// maxRedirects is how many redirects are remembered that a node gave to a client which asked it for a key it does not
// have: the sign of a client that followed somebody else's redirect.
const maxRedirects = 512

type redirected struct {
	client netip.Addr
	server netip.AddrPort
	slot   uint16 // of the key asked for
	at     capture.Time
	frame  int64
	what   string
}

// redirected remembers which node redirected which client.
func (w *foreignMoves) redirected(a *analysis.Answered) {
	if _, ok := resp.ParseRedirect(a.Reply.Text); !ok {
		return
	}
	slot, ok := a.Exchange.Slot()
	if !ok {
		return
	}
	x := &w.recent[w.next%maxRedirects]
	if x.client.IsValid() && a.Exchange.Time.Sub(x.at) <= w.window {
		w.limit.Hits++
	}
	*x = redirected{
		a.Session.Client.Addr(), a.Session.Server, slot, a.Exchange.Time, a.Exchange.Frame, named(w.r.Run(), a.Exchange),
	}
	w.next++
}

// followed finds the command by which a caller followed a redirect that was not its own: to the node that it names,
// for a slot that it does not name.
func (w *foreignMoves) followed(client netip.Addr, f *desync.ForeignRedirect) *redirected {
	for i := range w.recent {
		x := &w.recent[i]
		if x.client == client && x.server == f.Target && x.slot == f.KeySlot && x.at >= f.Time && x.at.Sub(f.Time) <= w.window {
			return x
		}
	}
	return nil
}

// believed takes the redirects that the callers of a connection which is behind read in place of their own replies.
func (w *foreignMoves) believed(d *desync.Desync) {
	for i := range d.Foreign {
		f := &d.Foreign[i]
		n := 1
		if i == 0 {
			n += d.NForeign - len(d.Foreign)
		}
		follow := w.followed(d.Client.Addr(), f)
		conf := f.Victim.Confidence
		if follow != nil && conf < pairing.Strong && conf > pairing.Suppressed {
			conf = pairing.Strong
		}
		w.r.Add(unaccused(incident.Occurrence{
			Client: d.Client, Server: d.Server, Library: d.Library.Name, Policy: d.Use.Policy.String(), Conn: d.Conn,
			Time: f.Victim.Time, Severity: incident.Critical, Confidence: conf, Count: n,
			Victims: map[string]int{f.Victim.Saw: 1}, Commands: map[string]int{f.Victim.Command: 1},
			Evidence: func() incident.Example {
				e := incident.Example{File: w.r.Run().File(f.Victim.File), Frames: frames(f.Victim.Frame, f.Frame), Victims: []pairing.Victim{f.Victim}, Facts: []string{
					notThatSlot(f.Slot, f.KeySlot, f.Victim.Key),
					fmt.Sprintf("the caller of %s %s (command %d, frame %d) read %s (frame %d), which is the reply to %s (command %d)",
						f.Victim.Command, f.Victim.Key, f.Victim.Index, f.Victim.Frame, f.Victim.Got, f.Frame, f.Owner, f.Victim.Believes),
					fmt.Sprintf("the node's own reply to %s %s: %s", f.Victim.Command, f.Victim.Key, f.Victim.Meant),
				}}
				if follow != nil {
					e.Facts = append(e.Facts, fmt.Sprintf("the client followed it: %s went to %s %s later (frame %d), which does not have slot %d either",
						follow.what, follow.server, seconds(follow.at.Sub(f.Time)), follow.frame, f.KeySlot))
				}
				return e
			},
		}))
	}
}

// served takes the redirects that the plain pairing of the wire itself gives to the wrong command.
func (w *foreignMoves) served(a *pairing.Alignment) {
	for i := range a.Misfits {
		m := &a.Misfits[i]
		if to, ok := resp.ParseRedirect(m.Reply.Text.Raw()); ok && m.Foreign && a.Resolved {
			w.wire(analysis.SessionOf(a.Session), &m.Command, &m.Reply, to)
		}
	}
}

func (w *foreignMoves) contradicted(a *analysis.Answered) {
	if to, ok := resp.ParseRedirect(a.Reply.Text); ok && a.Foreign {
		w.wire(a.Session, a.Exchange, &a.Exchange.Serves, to)
	}
}

func (w *foreignMoves) wire(s *analysis.Session, ex *pairing.Exchange, in *pairing.ReplyInfo, to resp.Redirect) {
	slot, ok := ex.Slot()
	if !ok {
		return
	}
	conf, weak := certain(s)
	run := w.r.Run()
	w.r.Add(ofSession(s, unaccused(incident.Occurrence{
		Time: in.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak,
		Evidence: func() incident.Example {
			return incident.Example{File: run.File(in.File), Frames: frames(ex.Frame, in.Frame), Facts: []string{
				notThatSlot(to.Slot, slot, run.Key(ex)),
				fmt.Sprintf("%s is the reply whose turn it was for %s", run.Describe(ex, in), cited(run, ex)),
				wireFact(in),
			}}
		},
	})))
}

// notThatSlot is the comparison that decides.
func notThatSlot(redirect, own uint16, key string) string {
	return fmt.Sprintf("slot %d is not the slot of that key: %s is in slot %d", redirect, key, own)
}
