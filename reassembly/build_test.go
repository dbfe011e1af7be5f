package reassembly

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/respsniff/respsniff/capture"
)

// pk is a packet of the test connection 10.0.0.1:40000 (a) to 10.0.0.2:6379 (b).
type pk struct {
	ms    float64 // time, in milliseconds
	from  string  // "a" or "b"
	flags Flags
	seq   int64 // offset in the sender's stream: the SYN stands at -1
	ack   int64 // offset in the peer's stream
	data  string
	id    uint16 // IP identification; 0: one of its own
	snap  int    // captured payload bytes plus 1; 0: all
	port  uint16 // of a; 0: 40000
}

// Sequence numbers of offset 0. A's stream wraps after 16 bytes.
const (
	baseA = 0xfffffff0
	baseB = 5000
)

var (
	addrA = netip.MustParseAddr("10.0.0.1")
	addrB = netip.MustParseAddr("10.0.0.2")
	six1  = netip.MustParseAddr("fd00::1")
	six2  = netip.MustParseAddr("fd00::2")
)

// build makes RAW packets; bases override baseA and baseB.
func build(list []pk, bases ...uint32) []capture.Packet {
	base := [2]uint32{baseA, baseB}
	copy(base[:], bases)
	var out []capture.Packet
	for i, p := range list {
		src, dst, sp, dp, mine, peer := addrA, addrB, uint16(40000), uint16(6379), base[0], base[1]
		if p.port != 0 {
			sp = p.port
		}
		if p.from == "b" {
			src, dst, sp, dp, mine, peer = dst, src, dp, sp, peer, mine
		}
		id := p.id
		if id == 0 {
			id = uint16(i + 1)
		}
		seq, ack := mine+uint32(p.seq), uint32(0)
		if p.flags&ACK != 0 {
			ack = peer + uint32(p.ack)
		}
		data := ipv4Bytes(src, dst, protoTCP, id, tcpBytes(sp, dp, seq, ack, p.flags, nil, []byte(p.data)))
		length := len(data)
		if p.snap > 0 {
			data = data[:len(data)-len(p.data)+p.snap-1]
		}
		out = append(out, capture.Packet{
			Time: capture.Time(1e18) + capture.Time(p.ms*1e6), Frame: int64(i + 1),
			Link: capture.LinkRaw, Length: length, Data: data,
		})
	}
	return out
}

func tcpBytes(sp, dp uint16, seq, ack uint32, flags Flags, options, data []byte) []byte {
	b := make([]byte, tcpHeader, tcpHeader+len(options)+len(data))
	binary.BigEndian.PutUint16(b, sp)
	binary.BigEndian.PutUint16(b[2:], dp)
	binary.BigEndian.PutUint32(b[4:], seq)
	binary.BigEndian.PutUint32(b[8:], ack)
	b[12] = byte((tcpHeader + len(options)) / 4 << 4)
	b[13] = byte(flags)
	binary.BigEndian.PutUint16(b[14:], 500)
	return append(append(b, options...), data...)
}

func ipv4Bytes(src, dst netip.Addr, proto uint8, id uint16, data []byte) []byte {
	b := make([]byte, ipv4Header, ipv4Header+len(data))
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(ipv4Header+len(data)))
	binary.BigEndian.PutUint16(b[4:], id)
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	return append(b, data...)
}

func ipv6Bytes(src, dst netip.Addr, next uint8, data []byte) []byte {
	b := make([]byte, ipv6Header, ipv6Header+len(data))
	b[0], b[6], b[7] = 0x60, next, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(data)))
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, data...)
}

// join puts layers together; strings are bytes in hex with spaces between, or bytes as they are.
func join(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			out = append(out, p...)
		case string:
			for _, f := range strings.Fields(p) {
				var b []byte
				if _, err := fmt.Sscanf(f, "%x", &b); err != nil {
					panic(f)
				}
				out = append(out, b...)
			}
		}
	}
	return out
}

// show prints segments one a line: side and frame, offset+length, then what is out of the ordinary.
func show(packets []capture.Packet, o Options) string {
	var b strings.Builder
	for seg, err := range Segments(from(packets), &o) {
		if err != nil {
			fmt.Fprintf(&b, "error %v\n", err)
			continue
		}
		if seg.Conn.ID > 1 {
			fmt.Fprintf(&b, "#%d ", seg.Conn.ID)
		}
		if seg.End != NotEnded {
			fmt.Fprintf(&b, "%s\n", [...]string{"", "FIN", "RST", "REUSED", "EVICTED", "CAPTURE"}[seg.End])
			continue
		}
		fmt.Fprintf(&b, "%c%d %d+%d", 'a'+rune(seg.From), seg.Frame, seg.Offset, seg.Length)
		if seg.Ack != NoAck {
			fmt.Fprintf(&b, " ack %d", seg.Ack)
		}
		for i, name := range []string{"fin", "syn", "rst"} {
			if seg.Flags>>i&1 != 0 {
				b.WriteString(" " + name)
			}
		}
		if seg.Missing > 0 {
			fmt.Fprintf(&b, " missing %d", seg.Missing)
		}
		if seg.Repeated > 0 {
			fmt.Fprintf(&b, " repeated %d", seg.Repeated)
		}
		for _, f := range []struct {
			on   bool
			name string
		}{{seg.Late, "late"}, {seg.Conflict, "conflict"}, {seg.Probe, "probe"}} {
			if f.on {
				b.WriteString(" " + f.name)
			}
		}
		if len(seg.Payload) > 0 {
			fmt.Fprintf(&b, " %s", seg.Payload)
		}
		b.WriteString("\n")
	}
	return b.String()
}
