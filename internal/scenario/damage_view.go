package scenario

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// End names one end of a connection for damages that treat the two differently.
type End uint8

// The two ends.
const (
	Client End = iota
	Server
)

// clients says of each flow whether it goes from the client: by the SYN where there is one, else by the port, the
// lower one being the server's.
func clients(packets []capture.Packet) func(f *frame) bool {
	known := map[flow]bool{}
	for _, p := range packets {
		f, ok := parseFrame(p)
		if !ok || f.flags()&flagSYN == 0 {
			continue
		}
		opens := f.flags()&flagACK == 0
		known[f.flow()], known[f.flow().back()] = opens, !opens
	}
	return func(f *frame) bool {
		if opens, ok := known[f.flow()]; ok {
			return opens
		}
		return f.src().Port() > f.dst().Port()
	}
}

// OneSide keeps only what one end sent.
func OneSide(e End) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		fromClient := clients(packets)
		return keep(packets, func(i int) bool {
			f, ok := parseFrame(packets[i])
			return !ok || fromClient(&f) == (e == Client)
		})
	}
}

// ShiftVantage moves a capture from the client to the server, which is rtt away: what the client sent is seen rtt/2
// later, what the server sent as much earlier. A negative rtt moves it back.
func ShiftVantage(rtt time.Duration) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		fromClient := clients(packets)
		out := slices.Clone(packets)
		for i := range out {
			f, ok := parseFrame(out[i])
			switch {
			case !ok:
			case fromClient(&f):
				out[i].Time = out[i].Time.Add(rtt / 2)
			default:
				out[i].Time = out[i].Time.Add(-rtt / 2)
			}
		}
		return byTime(out)
	}
}

// rewrite applies a change to every TCP packet.
func rewrite(change func(f *frame)) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		out := slices.Clone(packets)
		for i := range out {
			if f, ok := parseFrame(out[i]); ok {
				change(&f)
				out[i] = f.packet()
			}
		}
		return renumber(out)
	}
}

// Links lists the names that Relink takes.
func Links() []string { return []string{"ethernet", "vlan", "qinq", "sll", "sll2", "null", "raw"} }

// Relink puts packets behind another link layer; a name that Links does not list changes nothing.
func Relink(name string) Damage {
	style, ok := linkStyles[name]
	if !ok {
		return renumber
	}
	return rewrite(func(f *frame) {
		if link, h, err := style.header(f.src().Addr(), f.dst().Addr()); err == nil {
			f.link, f.linkHeader = link, h
		}
	})
}

// NoTimestamps replaces TCP timestamps with padding.
func NoTimestamps() Damage {
	return rewrite(func(f *frame) {
		const timestamps, padding = 8, 1
		at, n := f.option(timestamps)
		for i := at; i < at+n; i++ {
			f.tcp[i] = padding
		}
	})
}

// ZeroIPID sets the IP identifiers to 0, as many systems do with DF.
func ZeroIPID() Damage { return rewrite(func(f *frame) { f.setIPID(0) }) }

// ToIPv6 moves IPv4 connections to addresses fd00::a.b.c.d. Addresses inside the payload stay.
func ToIPv6() Damage {
	return rewrite(func(f *frame) {
		if f.ip[0]>>4 != 4 {
			return
		}
		h := header{from: mapped(f.src()), to: mapped(f.dst()), ttl: f.ip[8]}
		if ip, err := serialize(h.ip()); err == nil {
			f.ip = ip
			relinkIPv6(f)
		}
	})
}

func mapped(a netip.AddrPort) netip.AddrPort {
	b := [16]byte{0: 0xfd}
	v4 := a.Addr().As4()
	copy(b[12:], v4[:])
	return netip.AddrPortFrom(netip.AddrFrom16(b), a.Port())
}

// relinkIPv6 sets the link header to IPv6, whatever precedes its type field.
func relinkIPv6(f *frame) {
	h := slices.Clone(f.linkHeader)
	switch f.link {
	case capture.LinkEthernet, capture.LinkSLL:
		binary.BigEndian.PutUint16(h[len(h)-2:], etherIPv6)
	case capture.LinkSLL2:
		binary.BigEndian.PutUint16(h, etherIPv6)
	case capture.LinkNull:
		binary.LittleEndian.PutUint32(h, uint32(familyIPv6))
	case capture.LinkLoop:
		binary.BigEndian.PutUint32(h, uint32(familyIPv6))
	case capture.LinkIPv4:
		f.link = capture.LinkIPv6
	}
	f.linkHeader = h
}

// Rerecord makes the capture look like another run of the same conversation: other client ports (of the ephemeral range
// of Linux and IANA, from 32768), initial sequence numbers, timestamp clocks, and a start hours later. Servers keep
// their addresses and ports, so that redirects inside the payload stay right.
func Rerecord(seed uint64) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		const ephemeral = 32768
		r := random(seed)
		later := time.Duration(1+r.Int64N(1000)) * 13 * time.Minute
		portShift := uint16(1 + r.IntN(ephemeral-1))
		salt := r.Uint32()
		shift := func(a flow, what string) uint32 { return salt ^ hash(a.from.String(), a.to.String(), what) }
		fromClient := clients(packets)
		out := slices.Clone(packets)
		for i := range out {
			out[i].Time = out[i].Time.Add(later)
			f, ok := parseFrame(out[i])
			if !ok {
				continue
			}
			key := f.flow()
			f.setSeq(f.seq() + shift(key, "isn"))
			if f.flags()&flagACK != 0 {
				f.setAck(f.ack() + shift(key.back(), "isn"))
			}
			if at, n := f.option(8); n == 10 {
				if binary.BigEndian.Uint32(f.tcp[at+2:]) != 0 { // 0 is no clock: the RST of SO_LINGER 0 carries it
					addTo(f.tcp[at+2:], shift(key, "ts"))
				}
				if f.flags()&flagACK != 0 {
					addTo(f.tcp[at+6:], shift(key.back(), "ts"))
				}
			}
			at := 2
			if fromClient(&f) {
				at = 0
			}
			if port := binary.BigEndian.Uint16(f.tcp[at:]); port >= ephemeral {
				binary.BigEndian.PutUint16(f.tcp[at:], ephemeral+(port-ephemeral+portShift)%ephemeral)
			}
			out[i] = f.packet()
		}
		return renumber(out)
	}
}

func addTo(b []byte, n uint32) { binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)+n) }
