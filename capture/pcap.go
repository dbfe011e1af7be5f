package capture

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Magic numbers of a classic pcap, as the writing machine's byte order shows them
// (draft-ietf-opsawg-pcap; the modified one is Kuznetsov's, with an index, protocol and packet type in each record).
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34
)

// Sizes in a classic pcap.
const (
	pcapFileHeader     = 24
	pcapRecordHeader   = 16
	pcapModifiedHeader = 24
)

// reader delivers the packets of one input. next returns io.EOF after the last packet. Any other error is returned
// once; the call after it goes on behind the damage where the format allows, else returns io.EOF.
type reader interface {
	next(p *Packet) error
}

// pcapReader reads classic pcap: microseconds or nanoseconds, both byte orders, modified records.
type pcapReader struct {
	w      *window
	in     *origin
	big    bool  // byte order of the file
	header int   // bytes of a record header
	scale  int64 // nanoseconds in a unit of the time's fraction
	swap   int   // see lengthsSwapped
	link   LinkType
	frame  int64
	ended  bool
}

// How captured and original length stand in a record: libpcap before 0.5 wrote them the other way round, in files
// of version 2.3 only sometimes.
const (
	lengthsUsual = iota
	lengthsSwapped
	lengthsUnsure
)

// isPcap reports whether b starts with the magic of a classic pcap.
func isPcap(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(b) {
		case magicMicro, magicNano, magicModified:
			return true
		}
	}
	return false
}

// newPcapReader reads the file header.
func newPcapReader(w *window, in *origin) (*pcapReader, error) {
	h, err := w.peek(pcapFileHeader)
	if err != nil {
		return nil, in.ended(err, 0, 0, "file header of 24 bytes", len(h))
	}
	r := &pcapReader{w: w, in: in, header: pcapRecordHeader, scale: 1000}
	var order binary.ByteOrder = binary.LittleEndian
	if h[0] == 0xa1 {
		order, r.big = binary.BigEndian, true
	}
	switch order.Uint32(h) {
	case magicNano:
		r.scale = 1
	case magicModified:
		r.header = pcapModifiedHeader
	}
	major, minor := order.Uint16(h[4:]), order.Uint16(h[6:])
	switch {
	case major != 2:
		return nil, in.fail(0, 4, fmt.Sprintf("pcap version %d.%d is not known", major, minor))
	case minor < 3:
		r.swap = lengthsSwapped
	case minor == 3:
		r.swap = lengthsUnsure
	}
	// The upper half of the field holds the FCS length, not a part of the link type.
	r.link = LinkType(order.Uint32(h[20:]) & 0xffff)
	snaplen := int(order.Uint32(h[16:]))
	in.info.Snaplen = snaplen
	in.info.Interfaces = append(in.info.Interfaces, Interface{Section: 1, Link: r.link, Snaplen: snaplen})
	w.take(pcapFileHeader)
	return r, nil
}

func (r *pcapReader) next(p *Packet) error {
	if r.ended {
		return io.EOF
	}
	h := r.w.buf[r.w.r:r.w.w]
	if len(h) < r.header {
		var err error
		if h, err = r.w.peek(r.header); err != nil {
			if len(h) == 0 && err == io.EOF {
				r.ended = true
				return io.EOF
			}
			return r.stop(r.in.ended(err, r.frame+1, r.w.offset(), "record header", len(h)))
		}
	}
	var sec, frac, captured, length uint32
	if r.big {
		sec, frac = binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
		captured, length = binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
	} else {
		sec, frac = binary.LittleEndian.Uint32(h), binary.LittleEndian.Uint32(h[4:])
		captured, length = binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
	}
	if r.swap == lengthsSwapped || r.swap == lengthsUnsure && captured > length {
		captured, length = length, captured
	}
	if captured > maxPacketBytes {
		return r.stop(r.in.limit(r.frame+1, r.w.offset(),
			fmt.Sprintf("record of %d bytes is over the limit of %d", captured, maxPacketBytes)))
	}
	whole := r.header + int(captured)
	if len(h) < whole {
		var err error
		if h, err = r.w.peek(whole); err != nil {
			return r.stop(r.in.ended(err, r.frame+1, r.w.offset(), fmt.Sprintf("record of %d bytes", whole), len(h)))
		}
	}
	r.frame++
	r.w.take(whole)
	p.Time = Time(int64(sec)*1e9 + int64(frac)*r.scale)
	p.Frame = r.frame
	p.Interface = 0
	p.Link = r.link
	p.Length = int(max(length, captured))
	p.Data = h[r.header:whole:whole]
	if r.frame == 1 {
		r.in.info.addLink(r.link)
	}
	return nil
}

func (r *pcapReader) stop(err error) error {
	r.ended = true
	return err
}
