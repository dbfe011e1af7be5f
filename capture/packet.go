// Package capture brings packets in and out: capture files of every common kind, several files merged in time,
// live interfaces, and the pcapng writer for evidence. It knows nothing of what the packets carry.
package capture

import "time"

// Time is a moment as nanoseconds since the Unix epoch, UTC. It is an integer so that the small records which later
// stages keep by the million hold no pointer; Std converts at the border.
type Time int64

// Std returns the moment as a time.Time in UTC.
func (t Time) Std() time.Time { return time.Unix(0, int64(t)).UTC() }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// TimeOf converts a time.Time; moments outside the years 1678..2261 saturate.
func TimeOf(t time.Time) Time {
	switch y := t.Year(); {
	case y < 1678:
		return -1 << 63
	case y > 2261:
		return 1<<63 - 1
	}
	return Time(t.UnixNano())
}

// LinkType is a LINKTYPE_ value of https://www.tcpdump.org/linktypes.html, whole: LINUX_SLL2 (276) does not fit 8 bits.
type LinkType uint32

// Link types that this project decodes.
const (
	LinkNull     LinkType = 0
	LinkEthernet LinkType = 1
	LinkPPP      LinkType = 9
	LinkRawOld   LinkType = 12 // DLT_RAW on most systems, seen in files
	LinkRawBSD   LinkType = 14 // DLT_RAW on OpenBSD
	LinkPPPHDLC  LinkType = 50
	LinkPPPoE    LinkType = 51
	LinkRFC1483  LinkType = 100 // ATM with LLC
	LinkRaw      LinkType = 101
	LinkCHDLC    LinkType = 104 // Cisco HDLC
	Link80211    LinkType = 105
	LinkLoop     LinkType = 108
	LinkENC      LinkType = 109 // OpenBSD: IPsec, decrypted
	LinkSLL      LinkType = 113
	LinkPFLog    LinkType = 117
	LinkPrism    LinkType = 119 // 802.11
	LinkRadiotap LinkType = 127 // 802.11
	LinkUser2    LinkType = 149 // DLT_USER2, where macOS put PKTAP before it had a number
	LinkAVS      LinkType = 163 // 802.11
	LinkPPI      LinkType = 192
	LinkPPPDir   LinkType = 204 // PPP behind a byte that says the direction; so is the next
	LinkCHDLCDir LinkType = 205
	LinkMPLS     LinkType = 219
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkNFLog    LinkType = 239
	LinkIPoIB    LinkType = 242 // InfiniBand
	LinkPKTAP    LinkType = 258
	LinkSLL2     LinkType = 276
)

// Packet is one captured packet.
type Packet struct {
	Time      Time
	Frame     int64 // 1-based place in its file, the number Wireshark shows
	File      int32 // index into Source.Files
	Interface int32 // pcapng interface number within its section, else 0
	Link      LinkType
	Length    int    // length on the wire in bytes; the capture may hold less
	Data      []byte // captured bytes, borrowed: valid until the next packet is asked for
}
