package reassembly

import (
	"github.com/respsniff/respsniff/capture"
)

// The memory of packets is a table of 2^groupBits groups, each for some connection sides, of 2^slotBits packets. Copies
// made by SPAN or `-i any` follow within a few packets of their side; small groups keep what a few busy connections
// touch within the nearest caches.
const (
	groupBits  = 9
	slotBits   = 4
	recentSize = 1 << (groupBits + slotBits)
)

// sighting is what is remembered of a packet, in 16 bytes: what 50 busy connections touch fits a first-level cache.
type sighting struct {
	place  uint32 // hash of connection, side, sequence number and lengths
	sample uint32 // of the payload first captured at this place
	header uint32 // hash of the other header fields that copies share
	time   uint32 // in ticks of 1,024 ns, from any moment on
}

// tick is the binary logarithm of the nanoseconds in a unit of sighting.time.
const tick = 10

// recent remembers the latest packets in a fixed, direct-mapped table; one overwritten is a copy taken for a
// retransmission, which loses no bytes.
type recent [recentSize]sighting

// verdict is what a packet is against those remembered.
type verdict uint8

const (
	fresh    verdict = iota
	copied           // the same packet captured twice
	conflict         // the same place in the stream with other bytes
)

// see compares the packet at hand with those remembered and remembers it. ahead says that its payload lies behind all
// that was captured, so that there is nothing to compare: the table is then only written to, and a processor need not
// wait for what is in it.
func (r *recent) see(conn int64, s Side, p *packet, t capture.Time, ahead bool) verdict {
	from := uint32(conn)*2 + uint32(s)
	key, content := p.seq*2, uint32(0)
	if p.length > 0 {
		key++
		content = sample(p.payload)
	}
	place := uint32(fold((uint64(from)<<32|uint64(p.seq))^mixA, (uint64(p.length)<<32|uint64(len(p.payload)))^mixB))
	header, time := p.fingerprint(), uint32(t>>tick)
	group := from * 0x9e3779b1 >> (32 - groupBits)
	slot := (key + uint32(p.flags&(SYN|FIN|RST))) * 0x85ebca77 >> (32 - slotBits)
	e := &r[group<<slotBits|slot]
	v := fresh
	if !ahead && e.place == place {
		switch age := int32(time - e.time); {
		case e.sample != content:
			v, content = conflict, e.sample
		case e.header == header && age <= int32(duplicateWindow>>tick) && age >= -int32(duplicateWindow>>tick):
			v = copied
		}
	}
	e.place, e.sample, e.header, e.time = place, content, header, time
	return v
}

// fingerprint hashes what an exact copy has in common beside its place and payload: acknowledgement, flags, window, IP
// identifier and TCP timestamp.
func (p *packet) fingerprint() uint32 {
	rest := uint64(p.ipid)<<24 | uint64(p.window)<<8 | uint64(p.flags)
	return uint32(fold((uint64(p.ack)<<32|uint64(p.tsVal))^mixA, rest^mixB) >> 16)
}
