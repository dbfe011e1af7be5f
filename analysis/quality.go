package analysis

import (
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// CaptureQuality is what the stages below know of the capture as a whole. The zero value says that nothing is known.
type CaptureQuality struct {
	Stats reassembly.Stats
	// Drops sums what the capturing side reported of its losses: in the files, and by whoever ran it.
	Drops capture.Drops
}

// quality is what a run gathers about the capture.
type quality struct {
	source   func() CaptureQuality
	unjudged map[netip.Addr]*Unjudged
	failures []Failure
}

// QualityFrom says where the quality of the capture can be asked for when the events are over, before Finish.
func (r *Run) QualityFrom(source func() CaptureQuality) { r.quality.source = source }

// Quality returns what is known of the capture as a whole; it is complete when the events are over.
func (r *Run) Quality() CaptureQuality {
	if r.quality.source == nil {
		return CaptureQuality{Drops: capture.Drops{Known: r.o.Drops > 0, Kernel: r.o.Drops, Received: r.o.Seen}}
	}
	return r.quality.source()
}

// Unjudged is a client that wrote on before an earlier reply, and of which nobody can say whether it is meant to.
type Unjudged struct {
	Client      netip.Addr
	Server      netip.AddrPort // of the first time
	Conn        int64
	Times       int
	First, Last capture.Time
	Given, Next int64 // frames of the first time: the command without a reply, the one after it
	File        int32
	Command     string // that had no reply
	Gap         time.Duration
	ClientPort  uint16
	Sends       int // clean sends seen of it
}

// maxUnjudged bounds the clients remembered as Unjudged.
const maxUnjudged = 1024

// policyUnknown notes an abandonment that cannot be judged because the client's policy is unknown.
func (s *Session) policyUnknown(a *Abandonment, st Stance) {
	if st.Basis != BasisNone {
		return
	}
	q := &s.run.quality
	u := q.unjudged[s.Client.Addr()]
	if u == nil {
		if len(q.unjudged) >= maxUnjudged {
			return
		}
		if q.unjudged == nil {
			q.unjudged = map[netip.Addr]*Unjudged{}
		}
		u = &Unjudged{
			Client: s.Client.Addr(), Server: s.Server, Conn: s.ID, First: a.Next.Time, Given: a.Given.Frame, Next: a.Next.Frame,
			File: a.Next.File, Command: a.Given.CommandName(), Gap: a.Gap, ClientPort: s.Client.Port(),
		}
		q.unjudged[u.Client] = u
	}
	u.Times++
	u.Last = max(u.Last, a.Next.Time)
	u.Sends = max(u.Sends, st.Sends)
}

// Unjudged returns the clients whose policy would have to be known to judge what they did, by address.
func (r *Run) Unjudged() []*Unjudged {
	all := make([]*Unjudged, 0, len(r.quality.unjudged))
	for _, u := range r.quality.unjudged {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *Unjudged) int { return a.Client.Compare(b.Client) })
	return all
}
