package reassembly

import "encoding/binary"

// What is kept of the bytes of the latest segments, so that a retransmission with other borders can be compared with them: the
// latest keptPieces of each of 2^groupBits groups of connection sides. A command or a reply of usual size is kept whole; of a
// longer segment chunks that are spread over it, without reading through bulk bodies.
const (
	keptPieces = 8
	keptBytes  = 116
	chunk      = 16
	chunks     = keptBytes / chunk
)

// piece is what is kept of a segment, in 128 bytes.
type piece struct {
	from  uint32 // connection side
	seq   uint32 // of its first byte
	n     uint32 // captured bytes; 0: none
	bytes [keptBytes]byte
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
	if len(payload) <= keptBytes {
		copy(p.bytes[:], payload)
		return
	}
	for i := range chunks {
		from, to := payload[chunkAt(i, len(payload)):], p.bytes[i*chunk:]
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(from))
		binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(from[8:]))
	}
}

// chunkAt is the place of a chunk in a segment of n bytes: the first is at its begin, the last at its end.
func chunkAt(i, n int) int { return i * (n - chunk) / (chunks - 1) }

// differ reports whether a retransmission from seq on has other bytes than what is kept of the same places.
func (k *kept) differ(from, seq uint32, payload []byte) bool {
	group := from * mix1 >> (32 - groupBits)
	for i := range k.pieces[group] {
		p := &k.pieces[group][i]
		if p.n == 0 || p.from != from {
			continue
		}
		at, n := int(int32(seq-p.seq)), int(p.n)
		if n <= keptBytes {
			if unlike(p.bytes[:n], payload, at) {
				return true
			}
			continue
		}
		for c := range chunks {
			if unlike(p.bytes[c*chunk:(c+1)*chunk], payload, at-chunkAt(c, n)) {
				return true
			}
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
