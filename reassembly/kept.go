package reassembly

// What is kept of the bytes of the latest segments, so that a retransmission with other borders can be compared with them: the
// latest keptPieces of each of 2^groupBits groups of connection sides. A command or a reply of usual size is kept whole; of a
// longer segment the begin and the end, which sample reads too: what lies between is not brought into the nearest cache.
const (
	keptPieces = 8
	keptHead   = 64
	keptTail   = 52
)

// piece is what is kept of a segment, in 128 bytes.
type piece struct {
	from  uint32 // connection side
	seq   uint32 // of its first byte
	n     uint32 // captured bytes; 0: none
	bytes [keptHead + keptTail]byte
}

// kept is half a MiB, whatever comes.
type kept struct {
	pieces [1 << groupBits][keptPieces]piece
	next   [1 << groupBits]uint8
}

// add keeps what a connection side sent from seq on, which was captured for the first time.
func (k *kept) add(from, seq uint32, payload []byte) {
	group := from * mix1 >> (32 - groupBits)
	p := &k.pieces[group][k.next[group]%keptPieces]
	k.next[group]++
	p.from, p.seq, p.n = from, seq, uint32(len(payload))
	if n := len(payload); n <= len(p.bytes) {
		copy(p.bytes[:], payload)
	} else {
		*(*[keptHead]byte)(p.bytes[:]) = [keptHead]byte(payload)
		*(*[keptTail]byte)(p.bytes[keptHead:]) = [keptTail]byte(payload[n-keptTail:])
	}
}

// differ reports whether a retransmission from seq on has other bytes than what is kept of the same places.
func (k *kept) differ(from, seq uint32, payload []byte) bool {
	group := from * mix1 >> (32 - groupBits)
	for i := range k.pieces[group] {
		p := &k.pieces[group][i]
		if p.n == 0 || p.from != from {
			continue
		}
		at, n := int(int32(seq-p.seq)), int(p.n)
		if n <= len(p.bytes) && unlike(p.bytes[:n], payload, at) ||
			n > len(p.bytes) && (unlike(p.bytes[:keptHead], payload, at) || unlike(p.bytes[keptHead:], payload, at-(n-keptTail))) {
			return true
		}
	}
	return false
}

// unlike reports whether two runs of bytes differ where both have any; b begins at the place at of a.
func unlike(a, b []byte, at int) bool {
	a, b = skip(a, max(at, 0)), skip(b, max(-at, 0))
	n := min(len(a), len(b))
	return string(a[:n]) != string(b[:n])
}
