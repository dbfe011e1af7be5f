package desync

import (
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/capture"
)

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
func policyUnknown(s *Callers, a *Abandonment, st client.Stance) {
	if st.Basis != client.BasisNone {
		return
	}
	q := s.Judging
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
func (q *Judging) Unjudged() []*Unjudged {
	all := make([]*Unjudged, 0, len(q.unjudged))
	for _, u := range q.unjudged {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *Unjudged) int { return a.Client.Compare(b.Client) })
	return all
}
