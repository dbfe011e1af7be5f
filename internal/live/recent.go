package live

import (
	"encoding/binary"
	"iter"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// recent keeps the latest packets of each of several keys in memory. It holds so many bytes for each key, so many in
// all, and nothing older than its age, by the clock of the packets; the oldest go first. The zero value keeps nothing.
type recent[K comparable] struct {
	// perKey and total are bounds in bytes, with the overhead of 32 bytes a packet.
	perKey, total int
	// age is how long a packet is kept at least, if the bounds allow it.
	age time.Duration
	// keys bounds how many keys there are; nil: maxRecentKeys.
	keys *bound.Bound

	shelves map[K]*shelf
	free    [][]byte // chunks to be used again
	held    int      // bytes of all chunks in use
}

// shelf is the packets of one key, in chunks, oldest first.
type shelf struct {
	chunks []chunk
	held   int
}

type chunk struct {
	b    []byte
	last capture.Time // of its latest packet
}

const (
	// chunkBytes is how much memory is taken at a time, and given up at a time.
	chunkBytes   = 1 << 16
	recentHeader = 32
	// maxRecentKeys bounds the keys; the one that was silent for longest gives way.
	maxRecentKeys = 1024
)

// add copies a packet.
func (r *recent[K]) add(key K, p *capture.Packet) {
	size := recentHeader + len(p.Data)
	if size > r.perKey || size > r.total {
		return
	}
	s := r.shelves[key]
	if s == nil {
		if r.shelves == nil {
			r.shelves = map[K]*shelf{}
		}
		if r.keys == nil {
			r.keys = &bound.Bound{Limit: maxRecentKeys}
		}
		if !r.keys.Admits(len(r.shelves)) {
			for len(r.shelves) >= r.keys.Limit {
				r.drop()
			}
		}
		s = &shelf{}
		r.shelves[key] = s
	}
	for len(s.chunks) > 1 && p.Time.Sub(s.chunks[0].last) > r.age {
		r.pop(s)
	}
	n := len(s.chunks)
	if n == 0 || cap(s.chunks[n-1].b)-len(s.chunks[n-1].b) < size {
		want := max(size, chunkBytes)
		for s.held+want > r.perKey && len(s.chunks) > 0 {
			r.pop(s)
		}
		for r.held+want > r.total && r.held > 0 {
			r.drop()
		}
		r.shelves[key] = s // it may have been the one that was dropped
		s.chunks = append(s.chunks, chunk{b: r.take(want)})
		s.held += want
		n = len(s.chunks)
	}
	c := &s.chunks[n-1]
	c.last = max(c.last, p.Time)
	b := binary.LittleEndian.AppendUint64(c.b, uint64(p.Time))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Frame))
	b = binary.LittleEndian.AppendUint32(b, uint32(p.Interface))
	b = binary.LittleEndian.AppendUint32(b, uint32(p.Link))
	b = binary.LittleEndian.AppendUint32(b, uint32(p.Length))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Data)))
	c.b = append(b, p.Data...)
}

func (r *recent[K]) take(size int) []byte {
	r.held += size
	if n := len(r.free); n > 0 && size == chunkBytes {
		b := r.free[n-1]
		r.free = r.free[:n-1]
		return b
	}
	return make([]byte, 0, size)
}

// pop gives up the oldest chunk of a shelf.
func (r *recent[K]) pop(s *shelf) {
	b := s.chunks[0].b
	s.chunks[0] = chunk{}
	s.chunks = s.chunks[1:]
	r.held -= cap(b)
	s.held -= cap(b)
	if cap(b) == chunkBytes && len(r.free)*chunkBytes < r.total/8 {
		r.free = append(r.free, b[:0])
	}
}

// drop gives up the oldest chunk of all.
func (r *recent[K]) drop() {
	var oldest *shelf
	var key K
	for k, s := range r.shelves {
		if len(s.chunks) == 0 {
			delete(r.shelves, k)
			continue
		}
		if oldest == nil || s.chunks[0].last < oldest.chunks[0].last {
			oldest, key = s, k
		}
	}
	if oldest == nil {
		return
	}
	if r.pop(oldest); len(oldest.chunks) == 0 {
		delete(r.shelves, key)
	}
}

// packets yields what is kept of a key from a moment on, in the order it came. The data are valid until the next add.
func (r *recent[K]) packets(key K, from capture.Time) iter.Seq[capture.Packet] {
	return func(yield func(capture.Packet) bool) {
		s := r.shelves[key]
		if s == nil {
			return
		}
		for _, c := range s.chunks {
			if c.last < from {
				continue
			}
			for b := c.b; len(b) >= recentHeader; {
				p := capture.Packet{
					Time:      capture.Time(binary.LittleEndian.Uint64(b)),
					Frame:     int64(binary.LittleEndian.Uint64(b[8:])),
					Interface: int32(binary.LittleEndian.Uint32(b[16:])),
					Link:      capture.LinkType(binary.LittleEndian.Uint32(b[20:])),
					Length:    int(binary.LittleEndian.Uint32(b[24:])),
				}
				end := recentHeader + int(binary.LittleEndian.Uint32(b[28:]))
				p.Data = b[recentHeader:end:end]
				b = b[end:]
				if p.Time >= from && !yield(p) {
					return
				}
			}
		}
	}
}

// size returns how many bytes are in use.
func (r *recent[K]) size() int { return r.held }
