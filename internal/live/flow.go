package live

import (
	"encoding/binary"
	"net/netip"

	"github.com/respsniff/respsniff/capture"
)

// ends reads both ends of a packet that has TCP behind Ethernet or behind nothing, as live capture hands it over.
// Anything else has no ends.
func ends(p *capture.Packet) (from, to netip.AddrPort) {
	b := p.Data
	switch p.Link {
	case capture.LinkEthernet:
		at := 12
		for len(b) >= at+2 && (b[at] == 0x81 && b[at+1] == 0 || b[at] == 0x88 && b[at+1] == 0xa8) && at < 20 {
			at += 4
		}
		if len(b) < at+2 {
			return
		}
		b = b[at+2:]
	case capture.LinkSLL:
		if len(b) < 16 {
			return
		}
		b = b[16:]
	case capture.LinkRaw:
	default:
		return
	}
	if len(b) < 20 {
		return
	}
	const tcp = 6
	switch b[0] >> 4 {
	case 4:
		header := int(b[0]&15) * 4
		if b[9] != tcp || len(b) < header+4 {
			return
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), binary.BigEndian.Uint16(b[header:])),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), binary.BigEndian.Uint16(b[header+2:]))
	case 6:
		if len(b) < 44 || b[6] != tcp {
			return
		}
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), binary.BigEndian.Uint16(b[40:])),
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), binary.BigEndian.Uint16(b[42:]))
	}
	return
}

// serverOf guesses which end serves: the one with a port that was named, else the one with the lower port.
func serverOf(from, to netip.AddrPort, ports []uint16) netip.AddrPort {
	for _, p := range ports {
		switch p {
		case from.Port():
			return from
		case to.Port():
			return to
		}
	}
	if from.Port() < to.Port() {
		return from
	}
	return to
}
