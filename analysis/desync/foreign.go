package desync

import (
	"net/netip"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

// maxForeign bounds the foreign redirects that are kept of one connection; the rest is counted.
const maxForeign = 8

// ForeignRedirect is a redirect that a caller took for its own although it is about another slot.
type ForeignRedirect struct {
	Victim  pairing.Victim
	Kind    resp.RedirectKind
	Slot    uint16 // that the redirect is about
	KeySlot uint16 // of the victim's key
	Host    string // as sent, safe to print
	Target  netip.AddrPort
	Owner   string // the command that the redirect was for, safe to print
	Frame   int64  // of the redirect
	Time    capture.Time
}

// tookRedirect notes that the caller of ex read a redirect that was meant for r, if its slot is not that of ex's key.
func (d *Desync) tookRedirect(s *Callers, ex, r *pairing.Exchange, v pairing.Victim) {
	if !r.Served || r.Serves.Kind != resp.Error {
		return
	}
	to, ok := resp.ParseRedirect(r.Serves.Text.Raw())
	if !ok {
		return
	}
	slot, keyed := ex.Slot()
	if !keyed || slot == to.Slot {
		return
	}
	d.NForeign++
	if len(d.Foreign) == maxForeign {
		return
	}
	f := ForeignRedirect{
		Victim: v, Kind: to.Kind, Slot: to.Slot, KeySlot: slot, Host: resp.TextOf(to.Host).Short(pairing.KeyWidth),
		Owner: r.CommandName() + " " + s.Judging.Print.Key(r), Frame: r.Serves.Frame, Time: r.Serves.Time,
	}
	if len(to.Host) == 0 {
		f.Target = netip.AddrPortFrom(s.Server.Addr(), to.Port)
	} else if a, err := netip.ParseAddr(string(to.Host)); err == nil {
		f.Target = netip.AddrPortFrom(a.Unmap(), to.Port)
	}
	d.Foreign = append(d.Foreign, f)
}
