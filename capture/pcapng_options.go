package capture

import "math"

// Option codes of pcapng that are read; a code means different things in different blocks.
const (
	optEnd     = 0
	optComment = 1

	optInterfaceName   = 2
	optInterfaceResol  = 9
	optInterfaceOffset = 14

	optPacketDrops = 4

	optStatReceived      = 4
	optStatInterfaceDrop = 5
	optStatKernelDrop    = 7
)

// options calls f for each option in b until it returns false. A damaged or endless list ends with the block.
func (r *ngReader) options(b []byte, f func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, n := r.u16(b), int(r.u16(b[2:]))
		if code == optEnd || n > len(b)-4 {
			return
		}
		if code == optComment {
			r.in.info.addComment(b[4 : 4+n])
		} else {
			f(code, b[4:4+n])
		}
		b = b[min(4+(n+3)&^3, len(b)):]
	}
}

// sectionHeader reads a Section Header Block: interface numbers start anew.
func (r *ngReader) sectionHeader(b []byte) string {
	r.section++
	r.interfaces = r.interfaces[:0]
	r.firstOf = len(r.in.info.Interfaces)
	if len(b) < 16 {
		return "section header block is too short"
	}
	if major := r.u16(b[4:]); major != 1 {
		r.ended = true
		return "pcapng major version is not 1"
	}
	r.options(b[16:], func(uint16, []byte) {})
	return ""
}

// interfaceDescription reads an Interface Description Block. A damaged one keeps its number, so that the numbers of
// those behind it stay right.
func (r *ngReader) interfaceDescription(b []byte) string {
	entry := Interface{Section: r.section, Number: len(r.interfaces)}
	run := ngInterface{clock: newClock(defaultResolution, 0)}
	if len(b) >= 8 {
		run.link, run.snaplen = LinkType(r.u16(b)), r.u32(b[4:])
		resolution, offset := byte(defaultResolution), int64(0)
		r.options(b[8:], func(code uint16, v []byte) {
			switch {
			case code == optInterfaceName:
				entry.Name = clip(v, maxInfoName)
			case code == optInterfaceResol && len(v) >= 1:
				resolution = v[0]
			case code == optInterfaceOffset && len(v) >= 8:
				offset = int64(r.u64(v))
			}
		})
		run.clock = newClock(resolution, offset)
	}
	entry.Link, entry.Snaplen = run.link, int(run.snaplen)
	r.in.info.Snaplen = max(r.in.info.Snaplen, entry.Snaplen)
	r.in.info.Interfaces = append(r.in.info.Interfaces, entry)
	r.interfaces = append(r.interfaces, run)
	if len(b) < 8 {
		return "interface description block is too short"
	}
	return ""
}

// packetOptions counts comments and the drops that the capturing program noted before this packet.
func (r *ngReader) packetOptions(b []byte) {
	r.options(b, func(code uint16, v []byte) {
		if code == optPacketDrops && len(v) >= 8 {
			r.in.packetDrops = addSat(r.in.packetDrops, saturate(r.u64(v)))
		}
	})
}

// statistics reads an Interface Statistics Block. Its counters run from the start of the capture, so that the last
// block of an interface replaces the ones before.
func (r *ngReader) statistics(b []byte) string {
	if len(b) < 12 {
		return "interface statistics block is too short"
	}
	number := r.u32(b)
	if uint64(number) >= uint64(len(r.interfaces)) {
		return "statistics of an interface that the section does not have"
	}
	var d Drops
	r.options(b[12:], func(code uint16, v []byte) {
		if len(v) < 8 {
			return
		}
		u := r.u64(v)
		if u == math.MaxUint64 {
			return // "not available"
		}
		switch code {
		case optStatReceived:
			d.Known, d.Received = true, saturate(u)
		case optStatInterfaceDrop:
			d.Known, d.Interface = true, saturate(u)
		case optStatKernelDrop:
			d.Known, d.Kernel = true, saturate(u)
		}
	})
	r.in.info.Interfaces[r.firstOf+int(number)].Drops = d
	return ""
}

// saturate turns a counter of a file into an int64.
func saturate(u uint64) int64 { return int64(min(u, math.MaxInt64)) }
