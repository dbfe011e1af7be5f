package evidence

import (
	"bytes"
	"cmp"
	"iter"
	"slices"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// What is read of a stream is the first copy of each byte. Other copies, and packets that belong to no place of the stream, were
// never looked at: a secret in them would pass. So the first pass notes which bytes of which packet were read, and the second
// lets others through only as far as they are those of a packet before.

// read is a run of bytes that were read of a packet.
type read struct {
	frame int64
	file  int32
	from  uint32 // raw sequence number
	n     uint32
}

// maxRead bounds what is noted of all connections; the payload of packets beyond it is blanked.
const maxRead = 1 << 22

// Segments passes segments through and notes which bytes are read.
func (c *Cutter) Segments(segments iter.Seq2[*reassembly.Segment, error]) iter.Seq2[*reassembly.Segment, error] {
	return func(yield func(*reassembly.Segment, error) bool) {
		for s, err := range segments {
			if err == nil && s.Conn.Encryption != nil && c.wants(s.Conn.ID) {
				if t := c.conns[s.Conn.ID]; t != nil {
					t.encryption = s.Conn.Encryption
				}
			} else if err == nil && s.Length > 0 && s.End == reassembly.NotEnded && c.wants(s.Conn.ID) && !c.raw && c.noted < maxRead {
				c.noted++
				side := &s.Conn.Sides[s.From]
				c.early[s.Conn.ID] = append(c.early[s.Conn.ID], read{s.Frame, s.File, side.FirstSeq + uint32(s.Offset), uint32(s.Length)})
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// passed is a packet of the second pass.
type passed struct {
	seq           uint32
	before, after []byte // its payload as captured, and as cut
}

// Bounds of the packets of a side that a copy is compared with: those within the time of a retransmission.
const (
	maxPassed      = 128
	maxPassedBytes = 256 << 10
)

// guard blanks the secrets of a packet, and what was not read of it unless it is a copy of what was.
func (t *target) guard(p capture.Packet, h header, side int) []byte {
	if h.payload >= h.end {
		return p.Data
	}
	if !t.sorted {
		slices.SortFunc(t.read, compareReads)
		t.sorted = true
	}
	if t.encryption != nil && !t.encryption.Broken {
		return p.Data // records hide what is in them
	}
	payload := slices.Clone(p.Data[h.payload:h.end])
	data := t.blank(p.Data, h, side)
	at, _ := slices.BinarySearchFunc(t.read, read{frame: p.Frame, file: p.File}, compareReads)
	done := 0 // bytes up to which it is decided
	for ; at < len(t.read) && t.read[at].frame == p.Frame && t.read[at].file == p.File; at++ {
		r := &t.read[at]
		from := int(int32(r.from - h.seq))
		if from < done || from > len(payload) {
			continue
		}
		data = t.unread(data, h, side, payload, done, from)
		done = min(from+int(r.n), len(payload))
	}
	data = t.unread(data, h, side, payload, done, len(payload))
	t.passed[side] = append(t.passed[side], passed{h.seq, payload, slices.Clone(data[h.payload:h.end])})
	t.held[side] += len(payload)
	for len(t.passed[side]) > maxPassed || t.held[side] > maxPassedBytes && len(t.passed[side]) > 1 {
		t.held[side] -= len(t.passed[side][0].before)
		t.passed[side] = slices.Delete(t.passed[side], 0, 1)
	}
	return data
}

func compareReads(a, b read) int {
	return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.frame, b.frame))
}

// unread replaces bytes of a payload that were not read: by what was cut of the packet that they are a copy of, else they are
// blanked.
func (t *target) unread(data []byte, h header, side int, payload []byte, from, to int) []byte {
	if from >= to {
		return data
	}
	data = slices.Clone(data)
	part := data[h.payload+from : h.payload+to]
	for i := len(t.passed[side]) - 1; i >= 0; i-- {
		p := &t.passed[side][i]
		at := int(int32(h.seq + uint32(from) - p.seq))
		if at >= 0 && at+len(part) <= len(p.before) && bytes.Equal(p.before[at:at+len(part)], payload[from:to]) {
			copy(part, p.after[at:])
			return data
		}
	}
	fill(part)
	return data
}
