package state

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/respsniff/respsniff/capture"
)

// maxMarks is how many of the latest packets are remembered, to tell those that stand in the next file too.
const maxMarks = 1 << 16

// markOf hashes a packet as it was captured.
func markOf(p *capture.Packet) Mark {
	h := fnv.New64a()
	var b [12]byte
	binary.LittleEndian.PutUint64(b[:], uint64(p.Time))
	binary.LittleEndian.PutUint32(b[8:], uint32(p.Length))
	h.Write(b[:])
	h.Write(p.Data)
	return Mark{p.Time, h.Sum64()}
}

// marks counts packets by their marks.
type marks map[Mark]int

func newMarks(all []Mark) marks {
	m := marks{}
	for _, x := range all {
		m[x]++
	}
	return m
}

// without leaves out the packets that are known, each as often as it is.
func (m marks) without(batch []capture.Packet) []capture.Packet {
	var left []capture.Packet
	for i := range batch {
		x := markOf(&batch[i])
		if m[x] > 0 {
			m[x]--
			continue
		}
		left = append(left, batch[i])
	}
	return left
}

// latest keeps the last marks.
type latest struct {
	ring []Mark
	next int
}

func (l *latest) add(x Mark) {
	if len(l.ring) < maxMarks {
		l.ring = append(l.ring, x)
		return
	}
	l.ring[l.next%maxMarks] = x
	l.next++
}

// all returns them in the order in which they came.
func (l *latest) all() []Mark {
	at := l.next % max(len(l.ring), 1)
	return append(append([]Mark(nil), l.ring[at:]...), l.ring[:at]...)
}
