package reassembly

import (
	"encoding/binary"

	"github.com/respsniff/respsniff/reassembly/encap"
)

// UDP ports of tunnels.
const (
	portGTPU     = 2152
	portVXLAN    = 4789
	portVXLANOld = 8472 // Linux before the assignment, flannel still
	portGeneve   = 6081
)

const (
	udpHeader  = 8
	geneveBase = 8
	gtpBase    = 8
	greBase    = 4
	erspan2    = 8
	erspan3    = 12
)

// udp looks into the tunnels that are recognised by their destination port.
func (d *decoder) udp(data []byte) (layer, []byte) {
	if len(data) < udpHeader {
		d.stats.NonTCP++
		return layerDone, nil
	}
	port := binary.BigEndian.Uint16(data[2:])
	data = data[udpHeader:]
	switch port {
	case portVXLAN, portVXLANOld:
		if !d.parse(headerVXLAN, data) {
			return d.fault(BadTunnel)
		}
		if !d.rare.vxlan.ValidIDFlag { // RFC 7348 section 5: it must be set
			break
		}
		d.stats.Tunnels[VXLAN]++
		return d.step(encap.FromVXLAN(data), BadTunnel, BadTunnel)
	case portGeneve: // RFC 8926 section 3.4
		if len(data) < geneveBase {
			return d.fault(BadTunnel)
		}
		if data[0]>>6 != 0 {
			break
		}
		n := geneveBase + int(data[0]&0x3f)*4
		if len(data) < n {
			return d.fault(BadTunnel)
		}
		d.stats.Tunnels[Geneve]++
		d.etherType = binary.BigEndian.Uint16(data[2:])
		return layerEtherType, data[n:]
	case portGTPU:
		return d.gtp(data)
	default:
		if s := encap.FromUDP(port, data); s.Kind != encap.Unknown {
			d.stats.Tunnels[OtherUDP]++
			return d.step(s, BadTunnel, BadTunnel)
		}
	}
	d.stats.NonTCP++
	return d.carries(UDPPorts, port)
}

// gtp reads a G-PDU of GTP-U version 1 (3GPP TS 29.281 section 5).
func (d *decoder) gtp(data []byte) (layer, []byte) {
	if len(data) < gtpBase {
		return d.fault(BadTunnel)
	}
	if data[0]>>4 != 3 || data[1] != 0xff { // version 1 and protocol type GTP; other messages carry no packet
		d.stats.NonTCP++
		return layerDone, nil
	}
	flags := data[0] & 7
	data = data[gtpBase:]
	if flags != 0 {
		if len(data) < 4 {
			return d.fault(BadTunnel)
		}
		next := data[3]
		data = data[4:]
		for range maxLayers {
			if flags&4 == 0 || next == 0 {
				break
			}
			if len(data) == 0 {
				return d.fault(BadTunnel)
			}
			n := int(data[0]) * 4
			if n == 0 || n > len(data) {
				return d.fault(BadTunnel)
			}
			next = data[n-1]
			data = data[n:]
		}
	}
	d.stats.Tunnels[GTPU]++
	return layerIP, data
}

// gre reads RFC 2784 with the key and sequence number of RFC 2890, and version 1 of RFC 2637 (PPTP).
func (d *decoder) gre(data []byte) (layer, []byte) {
	if len(data) < greBase {
		return d.fault(BadTunnel)
	}
	flags := binary.BigEndian.Uint16(data)
	d.etherType = binary.BigEndian.Uint16(data[2:])
	version := flags & 7
	if version > 1 || flags&0x4000 != 0 { // source routes were withdrawn by RFC 2784
		return d.fault(BadTunnel)
	}
	n := greBase
	for _, bit := range [...]uint16{0x8000, 0x2000, 0x1000} { // checksum, key, sequence number
		if flags&bit != 0 {
			n += 4
		}
	}
	if version == 1 && flags&0x0080 != 0 { // acknowledgement number
		n += 4
	}
	if len(data) < n {
		return d.fault(BadTunnel)
	}
	data = data[n:]
	switch d.etherType {
	case etherERSPAN:
		d.stats.Tunnels[ERSPAN]++
		if flags&0x1000 == 0 { // type I has neither a sequence number nor a header of its own
			return layerEthernet, data
		}
		if len(data) < erspan2 {
			return d.fault(BadTunnel)
		}
		return layerEthernet, data[erspan2:]
	case etherERSPAN3:
		return d.erspan3(data)
	}
	d.stats.Tunnels[GRE]++
	return layerEtherType, data
}

// erspan3 reads the header of ERSPAN type III (draft-foschiano-erspan-03 section 4.3).
func (d *decoder) erspan3(data []byte) (layer, []byte) {
	if len(data) < erspan3 {
		return d.fault(BadTunnel)
	}
	tail := binary.BigEndian.Uint16(data[10:])
	n := erspan3
	if tail&1 != 0 { // platform specific subheader
		n += 8
	}
	if len(data) < n {
		return d.fault(BadTunnel)
	}
	d.stats.Tunnels[ERSPAN]++
	switch tail >> 10 & 0x1f {
	case 0:
		return layerEthernet, data[n:]
	case 2:
		return layerIP, data[n:]
	}
	d.stats.NonIP++
	return layerDone, nil
}
