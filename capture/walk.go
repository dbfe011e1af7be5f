package capture

import "encoding/binary"

// walker is a reader with a fast path for what nearly every packet is.
type walker interface {
	// walk appends to batch, up to its capacity, the packets that follow as long as they are plain and lie whole in the
	// window. It leaves any other to next, and does what stream.advance does for each. The first packet of a stream is
	// never one of them.
	walk(s *stream, batch []Packet) []Packet
}

// walk takes records of little-endian files, without a call for each.
func (r *pcapReader) walk(s *stream, batch []Packet) []Packet {
	w := r.w
	if s.w != w || r.big || r.swap != lengthsUsual || r.header != pcapRecordHeader { // the first: s was closed
		return batch
	}
	room := batch[len(batch):cap(batch)]
	n, taken := r.records(room, w.buf[w.r:w.w:w.w], s.cur.File)
	w.r += taken
	r.frame += int64(n)
	s.countAll(room[:n])
	return batch[:len(batch)+n]
}

// records reads plain records from buf into room, and returns how many there were and how many bytes they took. It is a
// function of its own so that walk's variables do not take the loop's registers: 16 of 7041 instructions a command.
func (r *pcapReader) records(room []Packet, buf []byte, file int32) (n, at int) {
	link, scale, frame := r.link, r.scale, r.frame
	for n < len(room) && len(buf)-at >= pcapRecordHeader {
		h := (*[pcapRecordHeader]byte)(buf[at:])
		captured, length := binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
		data := at + pcapRecordHeader
		end := data + int(captured)
		if captured > maxPacketBytes || end > len(buf) {
			break
		}
		frame++
		p := &room[n]
		p.Time = Time(int64(binary.LittleEndian.Uint32(h[0:]))*1e9 + int64(binary.LittleEndian.Uint32(h[4:]))*scale)
		p.Frame, p.File, p.Interface, p.Link = frame, file, 0, link
		p.Length = int(max(length, captured))
		p.Data = buf[data:end:end]
		at = end
		n++
	}
	return n, at
}

// walk takes little-endian enhanced packet blocks without options, of interfaces in use.
func (r *ngReader) walk(s *stream, batch []Packet) []Packet {
	const (
		header   = 28 // up to the data: type, length, interface, time in two halves, captured, length on the wire
		overhead = header + 4
	)
	w := r.w
	if s.w != w || r.big { // the first: s was closed
		return batch
	}
	old := len(batch)
	for len(batch) < cap(batch) {
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
		batch = batch[:len(batch)+1]
		p := &batch[len(batch)-1]
		p.Time = i.clock.time(uint64(binary.LittleEndian.Uint32(h[12:]))<<32 | uint64(binary.LittleEndian.Uint32(h[16:])))
		p.Frame, p.File, p.Interface, p.Link = r.frame, s.cur.File, int32(number), i.link
		p.Length = int(max(length, captured))
		p.Data = h[header : header+captured : header+captured]
		r.last = p.Time
	}
	s.countAll(batch[old:])
	return batch
}
