package encap

import "encoding/binary"

// radiotap reads the header of radiotap.org: its length, and of its fields the flags, which say whether the frame is damaged and
// whether its header is padded.
func radiotap(data []byte) Step {
	const moreWords, hasClock, hasFlags, badFCS, padded = 31, 0, 1, 0x40, 0x20
	if len(data) < 8 {
		return Step{Kind: Cut}
	}
	n := int(binary.LittleEndian.Uint16(data[2:]))
	if n < 8 || data[0] != 0 {
		return Step{Kind: Malformed}
	}
	if len(data) < n {
		return Step{Kind: Cut}
	}
	present, at := binary.LittleEndian.Uint32(data[4:]), 8
	for word := present; word>>moreWords&1 != 0 && at+4 <= n; at += 4 {
		word = binary.LittleEndian.Uint32(data[at:])
	}
	if present>>hasClock&1 != 0 {
		at = (at+7)&^7 + 8
	}
	s := Step{Kind: Dot11, Rest: data[n:]}
	if present>>hasFlags&1 != 0 && at < n {
		switch {
		case data[at]&badFCS != 0:
			return Step{Kind: Nothing}
		case data[at]&padded != 0:
			s.Kind = Dot11Padded
		}
	}
	return s
}

// prism reads the headers of older drivers, whose length is the second word: Prism's, in the byte order of the host, or
// AVS's, in network order. The smaller reading is the right one.
func prism(data []byte) Step {
	if len(data) < 8 {
		return Step{Kind: Cut}
	}
	n := min(binary.BigEndian.Uint32(data[4:]), binary.LittleEndian.Uint32(data[4:]))
	if n < 8 || n > 1<<16 {
		return Step{Kind: Malformed}
	}
	return behind(Dot11, data, int(n))
}

// FromDot11 reads the header of an 802.11 frame (IEEE 802.11-2020 section 9.2.4) to the LLC header of the data in it.
func FromDot11(data []byte, padded bool) Step {
	const (
		header, address4                              = 24, 6
		dataFrames                                    = 2 // type
		noData, qos                                   = 0x4, 0x8
		toDS, fromDS, moreFragments, protected, order = 0x01, 0x02, 0x04, 0x40, 0x80
		aggregated                                    = 0x80 // of the QoS control field
		subframe                                      = 14   // addresses and length
	)
	if len(data) < header {
		return Step{Kind: Cut}
	}
	kind, subtype, flags := data[0]>>2&3, data[0]>>4, data[1]
	switch {
	case data[0]&3 != 0: // version
		return Step{Kind: Malformed}
	case kind != dataFrames || subtype&noData != 0:
		return Step{Kind: Nothing}
	case flags&protected != 0:
		return Step{Kind: Encrypted}
	case flags&moreFragments != 0 || data[22]&15 != 0:
		return Step{Kind: Fragment}
	}
	n, aggregate := header, false
	if flags&(toDS|fromDS) == toDS|fromDS {
		n += address4
	}
	if subtype&qos != 0 {
		if len(data) < n+2 {
			return Step{Kind: Cut}
		}
		aggregate = data[n]&aggregated != 0
		n += 2
		if flags&order != 0 { // an HT control field
			n += 4
		}
	}
	if padded {
		n = (n + 3) &^ 3
	}
	if len(data) < n {
		return Step{Kind: Cut}
	}
	data = data[n:]
	if !aggregate {
		return Step{Kind: EtherType, Rest: data}
	}
	if len(data) < subframe {
		return Step{Kind: Cut}
	}
	// Behind the last subframe there may be a frame check sequence, but no header.
	if length := int(binary.BigEndian.Uint16(data[subframe-2:])); len(data) > subframe+(length+3)&^3+subframe {
		return Step{Kind: Aggregate}
	}
	return Step{Kind: EtherType, Rest: data[subframe:]}
}
