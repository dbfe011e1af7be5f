package detectors

import (
	"fmt"
	"net/netip"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

// answeredWith says what a redirect was the reply to: "10.0.0.2:6379 answered GET foo (frame 12, slot 12182) with "MOVED …"
// in frame 14".
func answeredWith(r *analysis.Run, e *cluster.Redirected) string {
	ex := e.Exchange
	return fmt.Sprintf("%s answered %s (frame %d) with %q in frame %d, %s",
		e.Session.Server, named(r, ex), ex.Frame, redirectText(e), ex.Serves.Frame, slotOf(e))
}

// slotOf says how the redirect's slot compares with the key.
func slotOf(e *cluster.Redirected) string {
	if own, ok := e.Exchange.Slot(); ok && own == e.Redirect.Slot {
		return fmt.Sprintf("and slot %d is the slot of that key", own)
	}
	return "the key was not captured whole"
}

// redirectText is the redirect as sent, safe to print.
func redirectText(e *cluster.Redirected) string {
	return resp.TextOf(e.Exchange.Serves.Text.Raw()).Short(80)
}

// hostText is the redirect's host as sent, safe to print.
func hostText(rd *resp.Redirect) string { return resp.TextOf(rd.Host).Short(64) }

// named is a command with its key.
func named(r *analysis.Run, ex *pairing.Exchange) string {
	if key := r.Key(ex); key != "" {
		return ex.CommandName() + " " + key
	}
	return ex.CommandName()
}

// redirectOccurrence begins the occurrence of a redirect that is at fault.
func redirectOccurrence(e *cluster.Redirected, severity incident.Severity, level pairing.Confidence) incident.Occurrence {
	s, ex := e.Session, e.Exchange
	o := incident.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: ex.Serves.Time, Severity: severity, Confidence: level,
		Commands: map[string]int{ex.CommandName(): 1},
	}
	if !e.Certain() {
		o.Weakened, o.Confidence = true, level.Down()
	}
	return o
}

// redirectExample is the evidence of one redirect.
func redirectExample(r *analysis.Run, e *cluster.Redirected, facts ...string) incident.Example {
	ex := e.Exchange
	return incident.Example{
		File: r.File(ex.Serves.File), Frames: frames(ex.Frame, ex.Serves.Frame), Facts: append([]string{answeredWith(r, e)}, facts...),
		Ladder: []incident.Step{command(r, ex), replyStep(r, ex, "points to "+targetText(e))},
	}
}

// replyStep is the packet that carried a command's reply.
func replyStep(r *analysis.Run, ex *pairing.Exchange, mark string) incident.Step {
	in := &ex.Serves
	return incident.Step{Frame: in.Frame, Time: in.Time, Seq: rel(in.Start), Ack: rel(in.K), Length: int(in.Bytes()), What: r.Describe(ex, in), Mark: mark}
}

// targetText names where a redirect points.
func targetText(e *cluster.Redirected) string {
	if e.Target.IsValid() {
		return e.Target.String()
	}
	return fmt.Sprintf("%s:%d, an address that the capture does not show", hostText(&e.Redirect), e.Redirect.Port)
}

// hop is one redirect of a chain.
type hop struct {
	from, to     netip.AddrPort
	at           capture.Time
	frame, reply int64
	conn         int64
	what         string
	name         string // of a target whose address the capture does not show
}

func (h *hop) String() string {
	to := h.name
	if h.to.IsValid() {
		to = h.to.String()
	}
	return fmt.Sprintf("%s says %s at %s (frame %d)", h.from, to, at(h.at), h.reply)
}

// keyID names a key of a client, and the slot where the key was not captured whole.
type keyID struct {
	client netip.Addr
	slot   uint16
	hash   uint64
}

func keyOf(e *cluster.Redirected) keyID {
	id := keyID{client: e.Session.Client.Addr(), slot: e.Redirect.Slot}
	if e.Exchange.Key.Whole() {
		h := uint64(14695981039346656037) // FNV-1a
		for _, b := range e.Exchange.Key.Raw() {
			h = (h ^ uint64(b)) * 1099511628211
		}
		id.hash = h
	}
	return id
}
