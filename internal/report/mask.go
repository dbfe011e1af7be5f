package report

import (
	"crypto/sha256"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/resp"
)

// Mask hides who talked about what: addresses and keys become tokens that are the same in every report, so that reports
// can be compared. It hides nothing from somebody who can guess the originals and try.
type Mask struct {
	Keys      bool // rows only: the analysis masks keys in findings
	Addresses bool
}

// Addr returns the token of an address: an IPv4 address in 240.0.0.0/4, which no host has (RFC 1112), or an IPv6 address
// in the documentation prefix 2001:db8::/32 (RFC 3849).
func (m Mask) Addr(a netip.Addr) netip.Addr {
	if !m.Addresses || !a.IsValid() {
		return a
	}
	a = a.Unmap().WithZone("")
	sum := sha256.Sum256(a.AsSlice())
	if a.Is4() {
		return netip.AddrFrom4([4]byte{0xf0 | sum[0]&0xf, sum[1], sum[2], sum[3]})
	}
	b := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	copy(b[4:], sum[:12])
	return netip.AddrFrom16(b)
}

// AddrPort masks the address and keeps the port.
func (m Mask) AddrPort(a netip.AddrPort) netip.AddrPort {
	if !m.Addresses || !a.IsValid() {
		return a
	}
	return netip.AddrPortFrom(m.Addr(a.Addr()), a.Port())
}

// End is how an end of a connection is shown.
func (m Mask) End(a netip.AddrPort) string { return AddrPortText(m.AddrPort(a)) }

// addressLike matches what may be an IPv4 or IPv6 address in a text; netip decides.
var addressLike = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)[0-9a-f:.]*[:.][0-9a-f:.]*`)
})

// Text masks the addresses in a text.
func (m Mask) Text(s string) string {
	if !m.Addresses {
		return s
	}
	return addressLike().ReplaceAllStringFunc(s, func(word string) string {
		bare := strings.TrimRight(word, ".:")
		if a, err := netip.ParseAddr(bare); err == nil {
			return m.Addr(a).String() + word[len(bare):]
		}
		if a, err := netip.ParseAddrPort(bare); err == nil {
			return m.AddrPort(a).String() + word[len(bare):]
		}
		return word
	})
}

// Key returns how a key is shown.
func (m Mask) Key(key []byte) string {
	if m.Keys {
		return resp.MaskKey(key)
	}
	return Shorten(Printable(string(key)), KeyWidth)
}

// Document masks the addresses in d, and the keys that a filter names.
func (m Mask) Document(d *Document) {
	if d.Summary.Filtered != nil {
		d.Summary.Filtered = m.filtered(d.Summary.Filtered)
	}
	if !m.Addresses {
		return
	}
	m.parties(&d.Summary.Parties)
	for i := range d.Input {
		in := &d.Input[i]
		in.Error = m.Text(in.Error)
	}
	m.texts(d.Warnings)
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Client, f.Server = m.Addr(f.Client), m.AddrPort(f.Server)
		f.ClientName, f.ServerName = "", "" // often those of hosts
		f.Title, f.Remedy, f.Policy, f.Library = m.Text(f.Title), m.Text(f.Remedy), m.Text(f.Policy), m.Text(f.Library)
		m.texts(f.Notes)
		for j := range f.Victims {
			f.Victims[j].Label = m.Text(f.Victims[j].Label)
		}
		for j := range f.Examples {
			m.example(&f.Examples[j])
		}
	}
	for i := range d.Incidents {
		m.incident(&d.Incidents[i])
	}
	for i := range d.Doubts {
		d.Doubts[i] = Doubt{m.Text(d.Doubts[i].Why), m.Text(d.Doubts[i].Decide)}
	}
	if s := d.Series; s != nil {
		for i := range s.Owed {
			s.Owed[i].Client, s.Owed[i].Server = m.Text(s.Owed[i].Client), m.Text(s.Owed[i].Server)
		}
		for i := range s.Open {
			s.Open[i].Client = m.Text(s.Open[i].Client)
		}
		for i := range s.Latency {
			s.Latency[i].Client = m.Text(s.Latency[i].Client)
		}
	}
}

func (m Mask) parties(p *Parties) {
	for i, c := range p.Clients {
		p.Clients[i] = m.Addr(c)
	}
	for i, s := range p.Servers {
		p.Servers[i] = m.AddrPort(s)
	}
}

func (m Mask) filtered(x *Filtered) *Filtered {
	y := *x
	y.By = nil
	for _, flag := range x.By {
		if m.Keys && strings.HasPrefix(flag, "--key ") {
			flag = "--key (masked)"
		}
		y.By = append(y.By, m.Text(flag))
	}
	return &y
}

func (m Mask) incident(in *incident.Incident) {
	in.Title, in.Library = m.Text(in.Title), m.Text(in.Library)
	for i, c := range in.Clients {
		in.Clients[i] = m.Addr(c)
	}
	for _, servers := range [][]netip.AddrPort{in.Servers, in.Cause.Servers} {
		for i, s := range servers {
			servers[i] = m.AddrPort(s)
		}
	}
	for i := range in.Steps {
		in.Steps[i].What = m.Text(in.Steps[i].What)
	}
	for i := range in.Damage.Saw {
		in.Damage.Saw[i].Label = m.Text(in.Damage.Saw[i].Label)
	}
	s := &in.Story
	s.Client, s.Server = m.AddrPort(s.Client), m.AddrPort(s.Server)
	for i := range s.Rows {
		r := &s.Rows[i]
		r.What, r.Note, r.Meant, r.Got = m.Text(r.What), m.Text(r.Note), m.Text(r.Meant), m.Text(r.Got)
	}
	for i := range in.Others {
		o := &in.Others[i]
		o.Client, o.Server, o.What = m.AddrPort(o.Client), m.AddrPort(o.Server), m.Text(o.What)
	}
	m.texts(in.Remedy)
}

func (m Mask) example(e *incident.Example) {
	e.Client, e.Server, e.Filter = m.AddrPort(e.Client), m.AddrPort(e.Server), m.Text(e.Filter)
	m.texts(e.Facts)
	for i := range e.Victims {
		v := &e.Victims[i]
		v.Meant, v.Got, v.Saw = m.Text(v.Meant), m.Text(v.Got), m.Text(v.Saw)
	}
	for i := range e.Ladder {
		s := &e.Ladder[i]
		s.What, s.Mark = m.Text(s.What), m.Text(s.Mark)
	}
}

func (m Mask) texts(ss []string) {
	for i := range ss {
		ss[i] = m.Text(ss[i])
	}
}
