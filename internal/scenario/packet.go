package scenario

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/respsniff/respsniff/capture"
)

// TCP flags of RFC 9293 section 3.1.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// timestampLength is what the timestamps option takes in a segment: 10 bytes and two of padding (RFC 7323).
const timestampLength = 12

const (
	protoTCP    = 6
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	ipv6HeadLen = 40
)

// header is what a generated packet says beside its payload.
type header struct {
	from, to     netip.AddrPort
	seq, ack     uint32
	flags        uint8
	window       uint16
	ttl          uint8
	ipid         uint16
	mss          uint16 // in a SYN
	timestamps   bool
	tsval, tsecr uint32
}

// build makes a packet of a header and a payload, at most 64 KiB in all.
func build(style linkStyle, h header, payload []byte) (capture.Packet, error) {
	link, linkHeader, err := style.header(h.from.Addr(), h.to.Addr())
	if err != nil {
		return capture.Packet{}, err
	}
	tcp := h.tcp()
	ip := h.ip()
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		return capture.Packet{}, err
	}
	data, err := serialize(gopacket.Payload(linkHeader), ip, tcp, gopacket.Payload(payload))
	return capture.Packet{Link: link, Length: len(data), Data: data}, err
}

// serialize writes headers around each other, with lengths and checksums that fit.
func serialize(stack ...gopacket.SerializableLayer) ([]byte, error) {
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...)
	return b.Bytes(), err
}

// tcp makes the TCP header, with the options of a Linux kernel.
func (h header) tcp() *layers.TCP {
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(h.from.Port()), DstPort: layers.TCPPort(h.to.Port()), Seq: h.seq, Ack: h.ack, Window: h.window,
		FIN: h.flags&flagFIN != 0, SYN: h.flags&flagSYN != 0, RST: h.flags&flagRST != 0, PSH: h.flags&flagPSH != 0, ACK: h.flags&flagACK != 0,
	}
	pad := layers.TCPOption{OptionType: layers.TCPOptionKindNop}
	if tcp.SYN {
		tcp.Options = append(tcp.Options,
			layers.TCPOption{OptionType: layers.TCPOptionKindMSS, OptionData: binary.BigEndian.AppendUint16(nil, h.mss)},
			pad, layers.TCPOption{OptionType: layers.TCPOptionKindWindowScale, OptionData: []byte{windowScale}})
	}
	if h.timestamps {
		clocks := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, h.tsval), h.tsecr)
		tcp.Options = append(tcp.Options, pad, pad, layers.TCPOption{OptionType: layers.TCPOptionKindTimestamps, OptionData: clocks})
	}
	return tcp
}

// networkLayer is an IP header that can be written and summed.
type networkLayer interface {
	gopacket.NetworkLayer
	gopacket.SerializableLayer
}

// ip makes the IPv4 or IPv6 header.
func (h header) ip() networkLayer {
	from, to := h.from.Addr(), h.to.Addr()
	if from.Is4() {
		return &layers.IPv4{
			Version: 4, Id: h.ipid, Flags: layers.IPv4DontFragment, TTL: h.ttl, Protocol: layers.IPProtocolTCP,
			SrcIP: from.AsSlice(), DstIP: to.AsSlice(),
		}
	}
	return &layers.IPv6{
		Version: 6, NextHeader: layers.IPProtocolTCP, HopLimit: h.ttl, SrcIP: from.AsSlice(), DstIP: to.AsSlice(),
	}
}
