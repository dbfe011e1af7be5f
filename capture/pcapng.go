package capture

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng, section 4). Others are stepped over: name resolution, decryption
// secrets that nobody asked for, custom and private blocks carry no packets.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockPacket     = 2 // obsolete
	blockSimple     = 3
	blockStatistics = 5
	blockEnhanced   = 6
	blockSecrets    = 10

	byteOrderMagic = 0x1a2b3c4d
	blockOverhead  = 12 // type and both lengths
)

// ngReader reads pcapng: any number of sections of either byte order, any legal order of blocks.
type ngReader struct {
	w          *window
	in         *origin
	big        bool // byte order of the section
	section    int
	interfaces []ngInterface // of the section
	firstOf    int           // index in FileInfo.Interfaces of the section's interface 0
	frame      int64
	last       Time // of the packet before, for packets without a time
	complained bool // a damaged block was reported
	ended      bool

	secrets     func(text []byte, end bool) // of Options
	secretsOnly bool                        // what is no secret is stepped over
}

// ngInterface is what a packet needs of its interface.
type ngInterface struct {
	link    LinkType
	snaplen uint32
	clock   clock
	seen    bool // its link type is in FileInfo
}

func newNgReader(w *window, in *origin, o Options) *ngReader {
	return &ngReader{w: w, in: in, secrets: o.Secrets}
}

func (r *ngReader) next(p *Packet) error {
	for !r.ended {
		found, err := r.block(p)
		if err != nil {
			return err
		}
		if found {
			return nil
		}
	}
	return io.EOF
}

// block reads one block and reports whether it was a packet.
func (r *ngReader) block(p *Packet) (bool, error) {
	h := r.w.buf[r.w.r:r.w.w]
	if len(h) < blockOverhead {
		var err error
		if h, err = r.w.peek(blockOverhead); err != nil {
			r.ended = true
			if len(h) == 0 && err == io.EOF {
				return false, io.EOF
			}
			return false, r.in.ended(err, r.frame+1, r.w.offset(), "block header", len(h))
		}
	}
	kind := r.u32(h)
	if kind == blockSection {
		if err := r.byteOrder(h); err != nil {
			return false, err
		}
	} else if r.section == 0 {
		return false, r.stop("block of type %#x before the first section header", kind)
	}
	size := r.u32(h[4:])
	if size < blockOverhead || size%4 != 0 {
		return false, r.stop("block length %d is not a multiple of 4 of at least 12", size)
	}
	switch {
	case kind == blockSecrets && r.secrets != nil:
		return false, r.decryptionSecrets(size)
	case r.secretsOnly && kind != blockSection:
		return false, r.pass(size)
	}
	switch kind {
	case blockSection, blockInterface, blockPacket, blockSimple, blockStatistics, blockEnhanced:
	default:
		return false, r.pass(size)
	}
	if size > maxPacketBytes+1<<16 {
		r.ended = true
		return false, r.in.limit(r.frame+1, r.w.offset(),
			fmt.Sprintf("block of %d bytes is over the limit of %d", size, maxPacketBytes))
	}
	if len(h) < int(size) {
		var err error
		if h, err = r.w.peek(int(size)); err != nil {
			r.ended = true
			return false, r.in.ended(err, r.frame+1, r.w.offset(), fmt.Sprintf("block of %d bytes", size), len(h))
		}
	}
	if again := r.u32(h[size-4:]); again != size {
		return false, r.stop("block length is %d before and %d behind the block", size, again)
	}
	body := h[8 : size-4 : size-4]
	start := r.w.offset()
	r.w.take(int(size))
	return r.dispatch(p, kind, body, start)
}

func (r *ngReader) dispatch(p *Packet, kind uint32, body []byte, start int64) (found bool, err error) {
	var bad string
	switch kind {
	case blockEnhanced:
		found, bad = r.enhanced(p, body)
	case blockSimple:
		found, bad = r.simple(p, body)
	case blockPacket:
		found, bad = r.obsolete(p, body)
	case blockSection:
		bad = r.sectionHeader(body)
	case blockInterface:
		if len(r.in.info.Interfaces) >= maxInterfaces {
			r.ended = true
			return false, r.in.limit(0, start, fmt.Sprintf("more than %d interfaces", maxInterfaces))
		}
		bad = r.interfaceDescription(body)
	case blockStatistics:
		bad = r.statistics(body)
	}
	if bad == "" || r.complained {
		return found, nil
	}
	r.complained = true
	return false, r.in.fail(r.frame, start, bad)
}

// byteOrder sets the byte order of the section that starts here. A type of 0x0a0d0d0a reads alike in both.
func (r *ngReader) byteOrder(h []byte) error {
	switch uint32(byteOrderMagic) {
	case binary.LittleEndian.Uint32(h[8:]):
		r.big = false
	case binary.BigEndian.Uint32(h[8:]):
		r.big = true
	default:
		return r.stop("section header has byte-order magic %#x", binary.BigEndian.Uint32(h[8:]))
	}
	return nil
}

// u16, u32 and u64 branch instead of calling through binary.ByteOrder, which costs as much as the rest of a packet.
func (r *ngReader) u16(b []byte) uint16 {
	if r.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (r *ngReader) u32(b []byte) uint32 {
	if r.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (r *ngReader) u64(b []byte) uint64 {
	if r.big {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// pass steps over a block without holding it.
func (r *ngReader) pass(size uint32) error {
	start := r.w.offset()
	if n, err := r.w.skip(int64(size)); n < int64(size) {
		r.ended = true
		return r.in.ended(err, r.frame+1, start, fmt.Sprintf("block of %d bytes", size), int(n))
	}
	return nil
}

// stop ends the file: behind a wrong length no block can be found again.
func (r *ngReader) stop(format string, args ...any) error {
	r.ended = true
	return r.in.fail(r.frame+1, r.w.offset(), fmt.Sprintf(format, args...))
}

// enhanced reads an Enhanced Packet Block: interface, time in two halves, lengths, data, options.
func (r *ngReader) enhanced(p *Packet, b []byte) (bool, string) {
	r.frame++
	if len(b) < 20 {
		return false, "enhanced packet block is too short"
	}
	number := r.u32(b)
	stamp := uint64(r.u32(b[4:]))<<32 | uint64(r.u32(b[8:]))
	return r.deliver(p, number, stamp, r.u32(b[12:]), r.u32(b[16:]), b[20:])
}

// obsolete reads a Packet Block, whose interface number has 16 bits and stands beside a drop count.
func (r *ngReader) obsolete(p *Packet, b []byte) (bool, string) {
	r.frame++
	if len(b) < 20 {
		return false, "packet block is too short"
	}
	const unknown = 0xffff
	if drops := r.u16(b[2:]); drops != unknown && drops > 0 {
		r.in.packetDrops = addSat(r.in.packetDrops, int64(drops))
	}
	stamp := uint64(r.u32(b[4:]))<<32 | uint64(r.u32(b[8:]))
	return r.deliver(p, uint32(r.u16(b)), stamp, r.u32(b[12:]), r.u32(b[16:]), b[20:])
}

// simple reads a Simple Packet Block: interface 0, no time, captured length from the snaplen.
func (r *ngReader) simple(p *Packet, b []byte) (bool, string) {
	r.frame++
	if len(b) < 4 || len(r.interfaces) == 0 {
		return false, "simple packet block without a length or an interface"
	}
	length := r.u32(b)
	captured := length
	if s := r.interfaces[0].snaplen; s != 0 {
		captured = min(captured, s)
	}
	b = b[4:]
	if uint64(captured) > uint64(len(b)) {
		return false, fmt.Sprintf("packet of %d bytes in a block with %d", captured, len(b))
	}
	r.in.info.note("packets without a time (Simple Packet Block) have that of the packet before")
	r.put(p, 0, r.last, captured, length, b)
	return true, ""
}

// deliver checks what both timed packet blocks have in common and reads the options behind the data.
func (r *ngReader) deliver(p *Packet, number uint32, stamp uint64, captured, length uint32, b []byte) (bool, string) {
	if uint64(number) >= uint64(len(r.interfaces)) {
		return false, fmt.Sprintf("packet of interface %d, of which the section has %d", number, len(r.interfaces))
	}
	if uint64(captured) > uint64(len(b)) || captured > maxPacketBytes {
		return false, fmt.Sprintf("packet of %d bytes in a block with %d", captured, len(b))
	}
	padded := int(captured+3) &^ 3
	if padded < len(b) {
		r.packetOptions(b[padded:])
	}
	r.put(p, int32(number), r.interfaces[number].clock.time(stamp), captured, length, b)
	return true, ""
}

func (r *ngReader) put(p *Packet, number int32, t Time, captured, length uint32, b []byte) {
	i := &r.interfaces[number]
	if !i.seen {
		i.seen = true
		r.in.info.addLink(i.link)
	}
	r.last = t
	p.Time = t
	p.Frame = r.frame
	p.Interface = number
	p.Link = i.link
	p.Length = int(max(length, captured))
	p.Data = b[:captured:captured]
}
