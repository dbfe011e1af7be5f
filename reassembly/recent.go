package reassembly

import "github.com/respsniff/respsniff/capture"

// The packets kept are a table of 2^groupBits groups, each for some connection sides, of 2^slotBits packets. Copies
// made by SPAN or `-i any` follow within a few packets of their side; small groups keep what a few busy connections
// touch within the nearest caches.
const (
	groupBits  = 9
	slotBits   = 4
	recentSize = 1 << (groupBits + slotBits)
)

// sighting is what is kept of a packet, in 16 bytes: what 50 busy connections touch fits a first-level cache.
type sighting struct {
	place  uint32 // hash of connection, side, sequence number and lengths
	sample uint32 // of the payload first captured at this place
	header uint32 // hash of the other header fields that copies share
	time   uint32 // in ticks of 1,024 ns, from any moment on
}

// tick is the binary logarithm of the nanoseconds in a unit of sighting.time.
const tick = 10

// recent keeps the latest packets in a fixed, direct-mapped table; one overwritten is a copy taken for a
// retransmission, which loses no bytes.
type recent [recentSize]sighting

// verdict is how a packet compares with those kept.
type verdict uint8

const (
	fresh    verdict = iota
	copied           // the same packet captured twice
	conflict         // the same place in the stream with other bytes
)

// see compares the packet at hand, of which Conn, From and Time are set, with those kept and keeps it. ahead says
// that its payload lies behind all that was captured, so that there is nothing to compare.
func (r *recent) see(p *packet, ahead bool) (v verdict) {
	from, content := p.sender(), sample(p.Payload)
	place, header, time := p.place(from), p.fingerprint(), uint32(p.Time>>tick)
	e := r.at(from, p.key())
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

// forget forgets the packet at hand, which see has just kept: its bytes are not those first captured at its place.
func (r *recent) forget(p *packet) {
	from := p.sender()
	if e := r.at(from, p.key()); e.place == p.place(from) {
		e.place++
	}
}

// key spreads the packets of a connection side.
func (p *packet) key() uint32 {
	key := p.RawSeq*2 + uint32(p.Flags&(SYN|FIN|RST))
	if p.Length > 0 {
		key++
	}
	return key
}

// note is see for a packet ahead with payload, of which content is the sample, and without SYN, FIN or RST. The table is only
// written to, and a processor need not wait for what is in it. It is inlined.
func (r *recent) note(from, seq, place, content, header uint32, at capture.Time) {
	e := r.at(from, seq*2+1)
	e.place, e.sample, e.header, e.time = place, content, header, uint32(at>>tick)
}

// Odd multipliers with as many ones as zeros, the primes of xxHash. A sum of products costs half of what folding does, and
// distinguishes what is compared here, because no two of the fields that differ between two packets of a connection grow
// in step with these.
const (
	mix1 = 0x9e3779b1
	mix2 = 0x85ebca77
	mix3 = 0xc2b2ae3d
	mix4 = 0x27d4eb2f
)

// at returns where a packet of a connection side is kept.
func (r *recent) at(from, key uint32) *sighting {
	group, slot := from*mix1>>(32-groupBits), key*mix2>>(32-slotBits)
	return &r[(group<<slotBits|slot)%recentSize]
}

// sender numbers the connection sides.
func (p *packet) sender() uint32 { return uint32(p.Conn.ID)*2 + uint32(p.From) }

// place hashes connection, side, sequence number and lengths.
func (p *packet) place(from uint32) uint32 {
	return p.RawSeq + from*mix2 + uint32(p.Length)*mix3 + uint32(len(p.Payload))*mix4
}

// fingerprint hashes what an exact copy has in common beside its place and payload: acknowledgement, flags, window, IP
// identifier and TCP timestamp.
func (p *packet) fingerprint() uint32 {
	return p.RawAck*mix1 + p.TSVal*mix2 + p.Window*mix3 + uint32(p.IPID)*mix4 + uint32(p.Flags)
}
