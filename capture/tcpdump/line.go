// Package tcpdump reads single lines of what tcpdump prints: the hex of a packet, and the line with which a packet begins,
// whose time it turns into a moment.
package tcpdump

import (
	"bytes"
	"slices"
)

// Header is a line with which tcpdump begins a packet.
type Header struct {
	stamp stamp
	Sure  bool // what follows the time is a packet, not some program's log line
}

// HexLineBytes is how many bytes tcpdump prints in a line.
const HexLineBytes = 16

// HexLine reads "	0x0010:  c612 000b ba78 374f  .....x7O": the offset and the bytes. It tolerates the indentation and
// the folded blanks of text that went through a ticket system. The n bytes are put into out.
func HexLine(line []byte, out *[HexLineBytes]byte) (offset, n int, ok bool) {
	rest := bytes.TrimLeft(line, " \t")
	if len(rest) < 7 || rest[0] != '0' || rest[1] != 'x' {
		return 0, 0, false
	}
	i := 2
	for ; i < len(rest) && i < 10; i++ {
		digit, isDigit := nibble(rest[i])
		if !isDigit {
			break
		}
		offset = offset<<4 | int(digit)
	}
	if i < 6 || i >= len(rest) || rest[i] != ':' {
		return 0, 0, false
	}
	for rest = bytes.TrimLeft(rest[i+1:], " \t"); n < len(out); {
		group, blank := rest, 0
		if at := bytes.IndexAny(rest, " \t"); at >= 0 {
			group, blank = rest[:at], len(rest)-at-len(bytes.TrimLeft(rest[at:], " \t"))
		}
		if len(group) != 2 && len(group) != 4 {
			break
		}
		if !unhex(out[n:], group) {
			break
		}
		n += len(group) / 2
		// Two blanks part the bytes from their ASCII form, which may look like hex too.
		if blank != 1 || len(group) == 2 {
			break
		}
		rest = rest[len(group)+1:]
	}
	return offset, n, n > 0
}

// unhex decodes a group of two or four digits.
func unhex(out, group []byte) bool {
	for i := 0; i < len(group); i += 2 {
		hi, ok1 := nibble(group[i])
		lo, ok2 := nibble(group[i+1])
		if !ok1 || !ok2 || i/2 >= len(out) {
			return false
		}
		out[i/2] = hi<<4 | lo
	}
	return true
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// linkWords begin what tcpdump prints after the time when neither -e nor an interface name comes first.
var linkWords = [][]byte{
	[]byte("IP "), []byte("IP6 "), []byte("IP0 "), []byte("ARP"), []byte("RARP"), []byte("MPLS"), []byte("PPPoE"),
	[]byte("LLDP"), []byte("STP"), []byte("802.1"), []byte("vlan "), []byte("ethertype "), []byte("AF IPv"),
	[]byte("EAPOL"), []byte("Out "), []byte("In "), []byte("loopback"), []byte("CDPv"), []byte("IGMP"),
}

// packetWords reports whether b is what tcpdump prints behind the time of a packet.
func packetWords(b []byte) bool {
	if protocolWords(b) {
		return true
	}
	// "-i any" puts the interface and the direction first.
	_, after, ok := bytes.Cut(b, []byte(" "))
	if !ok {
		return false
	}
	direction, after, ok := bytes.Cut(bytes.TrimLeft(after, " "), []byte(" "))
	if !ok || !slices.Contains(directions, string(direction)) {
		return false
	}
	after = bytes.TrimLeft(after, " ")
	return protocolWords(after) || bytes.HasPrefix(after, []byte("ifindex ")) || isMAC(after)
}

// directions are tcpdump's words for the packet types of Linux cooked captures.
var directions = []string{"In", "Out", "B", "M", "P", "?"}

// protocolWords reports whether b begins with a protocol or, as -e prints, two MAC addresses.
func protocolWords(b []byte) bool {
	for _, w := range linkWords {
		if bytes.HasPrefix(b, w) {
			return true
		}
	}
	return isMAC(b) && bytes.HasPrefix(b[len("aa:bb:cc:dd:ee:ff"):], []byte(" > "))
}

// isMAC reports whether b starts with aa:bb:cc:dd:ee:ff.
func isMAC(b []byte) bool {
	const size = 17
	if len(b) < size {
		return false
	}
	for i, c := range b[:size] {
		if _, ok := nibble(c); ok == (i%3 == 2) || i%3 == 2 && c != ':' {
			return false
		}
	}
	return true
}
