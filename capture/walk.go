package capture

import "encoding/binary"

// walker is a reader with a short way for what nearly every packet is.
type walker interface {
	// walk yields the packets that follow as long as they are plain and lie whole in the window, and reports false once
	// yield does. It leaves any other to next, and does what stream.advance does for each.
	walk(s *stream, yield func(Packet, error) bool) bool
}

// walk takes records of little-endian files: 14 ns a packet against 20, without a call for each.
func (r *pcapReader) walk(s *stream, yield func(Packet, error) bool) bool {
	if r.big || r.swap != lengthsUsual || r.header != pcapRecordHeader {
		return true
	}
	p := s.cur
	for w := r.w; s.w == w; { // until yield closes s
		h := w.buf[w.r:w.w]
		if len(h) < pcapRecordHeader {
			break
		}
		captured, length := binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
		if captured > maxPacketBytes {
			break
		}
		whole := pcapRecordHeader + int(captured)
		if len(h) < whole {
			break
		}
		w.r += whole
		r.frame++
		p.Time = Time(int64(binary.LittleEndian.Uint32(h))*1e9 + int64(binary.LittleEndian.Uint32(h[4:]))*r.scale)
		p.Frame = r.frame
		p.Length = int(max(length, captured))
		p.Data = h[pcapRecordHeader:whole:whole]
		if s.count(&p); !yield(p, nil) {
			return false
		}
	}
	return true
}

// walk takes little-endian enhanced packet blocks without options, of interfaces in use.
func (r *ngReader) walk(s *stream, yield func(Packet, error) bool) bool {
	const (
		header   = 28 // up to the data: type, length, interface, time in two halves, captured, length on the wire
		overhead = header + 4
	)
	p := s.cur
	for w := r.w; s.w == w && !r.big; { // until yield closes s
		h := w.buf[w.r:w.w]
		if len(h) < overhead || binary.LittleEndian.Uint32(h) != blockEnhanced {
			break
		}
		size, number := binary.LittleEndian.Uint32(h[4:]), binary.LittleEndian.Uint32(h[8:])
		captured, length := binary.LittleEndian.Uint32(h[20:]), binary.LittleEndian.Uint32(h[24:])
		if captured > maxPacketBytes || size != overhead+(captured+3)&^3 || int(size) > len(h) ||
			binary.LittleEndian.Uint32(h[size-4:]) != size || uint64(number) >= uint64(len(r.interfaces)) || !r.interfaces[number].seen {
			break
		}
		i := &r.interfaces[number]
		w.r += int(size)
		r.frame++
		p.Time = i.clock.time(uint64(binary.LittleEndian.Uint32(h[12:]))<<32 | uint64(binary.LittleEndian.Uint32(h[16:])))
		p.Frame = r.frame
		p.Interface = int32(number)
		p.Link = i.link
		p.Length = int(max(length, captured))
		p.Data = h[header : header+captured : header+captured]
		r.last = p.Time
		if s.count(&p); !yield(p, nil) {
			return false
		}
	}
	return true
}
