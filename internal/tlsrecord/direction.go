package tlsrecord

import (
	"encoding/binary"

	"github.com/respsniff/respsniff/internal/tlsrecord/protect"
)

// Sizes of records (RFC 8446 section 5.2, RFC 5246 section 6.2.3).
const (
	headerSize  = 5
	maxFragment = 1<<14 + 2048
	maxRecord   = headerSize + maxFragment
)

// direction is one side's stream of records.
type direction struct {
	begun  bool
	lost   bool // in the middle of a record of unknown length
	closed bool // by FIN or RST
	// Places in the stream: taken is the end of all that was looked at, done the end of the last whole record, told the end of
	// what was handed on, of which the places in gap were lost.
	taken, done, told int64
	gap               int64
	// The record under way: its first bytes, header included, with zeros for what is not there; its whole size, 0 until the header is there.
	buf      []byte
	want     int
	size     int  // of it, so far
	from, to int  // what is not there, of buf; equal: nothing
	never    bool // some of it was lost, not cut off by the snapshot length

	on      bool  // records are encrypted, in TLS 1.2
	started bool  // a record was opened
	sure    bool  // seq is that of the next record
	skipped int64 // places of lost records since a record was opened
	seq     uint64
	keys    *protect.Keys
	other   *protect.Keys // of a line that contradicts; nil almost always
	idle    bool          // nothing of the application can have been among what was lost
	blind   int           // encrypted records that the capture has in part, since one was opened
	tries   int           // records that keys were tried on
	message []byte        // of the handshake, in the clear, under way
}

// record is one record, as far as the capture holds it.
type record struct {
	head     []byte
	body     []byte // without the end that was cut off
	length   int    // of the whole body
	end      int64  // place behind it
	from, to int    // what of body is not there
	never    bool   // … as it was lost
}

// whole reports whether the capture holds all of the record.
func (r *record) whole() bool { return len(r.body) == r.length && r.from == r.to }

// header reads the header of a record.
func header(p []byte) (typ byte, length int, ok bool) {
	typ, length = p[0], int(binary.BigEndian.Uint16(p[3:]))
	ok = typ >= typeChangeCipherSpec && typ <= typeApplicationData && p[1] == 3 && p[2] <= 4 && length > 0 && length <= maxFragment
	if typ == typeChangeCipherSpec {
		ok = ok && length == 1
	}
	return typ, length, ok
}

// bordersAt reports whether a record begins with p, of which the stream has n bytes: what can be seen of the headers in
// it is plausible.
func bordersAt(p []byte, n int) bool {
	for seen := 0; len(p) >= headerSize; seen++ {
		_, length, ok := header(p)
		if !ok {
			return false
		}
		if len(p) < headerSize+length {
			return true
		}
		p = p[headerSize+length:]
	}
	return len(p) == 0 || p[0] >= typeChangeCipherSpec && p[0] <= typeApplicationData
}

// chains reports whether p is one or more records, and nothing else.
func chains(p []byte) bool {
	for len(p) >= headerSize {
		_, length, ok := header(p)
		if !ok || len(p) < headerSize+length {
			return false
		}
		p = p[headerSize+length:]
	}
	return len(p) == 0
}

// payload takes the captured bytes of a segment.
func (s *Stage) payload(c *conn, d *direction, p []byte) {
	if d.lost {
		if len(p) < headerSize || !bordersAt(p, len(p)) {
			d.taken += int64(len(p))
			return
		}
		d.resume()
	}
	for len(p) > 0 {
		if d.want == 0 {
			if d.size == 0 && len(p) >= headerSize {
				_, length, ok := header(p)
				if !ok {
					d.broken(c, p)
					return
				}
				if n := headerSize + length; len(p) >= n { // nearly all: the whole record, where it lies
					d.taken += int64(n)
					s.record(c, d, &record{head: p[:headerSize], body: p[headerSize:n], length: length, end: d.taken})
					p = p[n:]
					continue
				}
			}
			n := min(headerSize-d.size, len(p))
			d.add(p[:n])
			if p = p[n:]; d.size < headerSize {
				return
			}
			_, length, ok := header(d.buf)
			if !ok {
				d.broken(c, p)
				return
			}
			d.want = headerSize + length
		}
		n := min(d.want-d.size, len(p))
		d.add(p[:n])
		p = p[n:]
		s.complete(c, d)
	}
}

// add appends to the record under way.
func (d *direction) add(p []byte) {
	d.buf = append(d.buf, p...)
	d.size += len(p)
	d.taken += int64(len(p))
}

// hole takes places that the capture does not have: lost, or else cut off by the snapshot length.
func (s *Stage) hole(c *conn, d *direction, n int64, never bool) {
	for n > 0 && !d.lost {
		if d.want == 0 {
			d.lose(n)
			c.seen.Lost(d == &c.half[c.client])
			return
		}
		k := min(n, int64(d.want-d.size))
		if d.from == d.to {
			d.from = len(d.buf)
		}
		d.buf = append(d.buf, make([]byte, k)...)
		d.to = len(d.buf)
		d.never = d.never || never
		d.size += int(k)
		d.taken += k
		n -= k
		s.complete(c, d)
	}
	d.taken += n
}

// complete hands on the record under way, if it is whole.
func (s *Stage) complete(c *conn, d *direction) {
	if d.want == 0 || d.size < d.want {
		return
	}
	r := record{head: d.buf[:headerSize], body: d.buf[headerSize:], length: d.want - headerSize, end: d.taken, never: d.never}
	if d.from < d.to {
		if r.from, r.to = d.from-headerSize, d.to-headerSize; r.to == len(r.body) {
			r.body, r.to = r.body[:r.from], r.from // cut off at the end
		}
	}
	buf := d.buf
	d.reset()
	s.record(c, d, &r)
	d.buf = buf[:0]
	if cap(buf) > keptBuffer {
		d.buf = nil
	}
}

// keptBuffer is how much memory a direction keeps between two records.
const keptBuffer = 512

func (d *direction) reset() {
	d.buf, d.want, d.size, d.from, d.to, d.never = nil, 0, 0, 0, 0, false
}

// lose gives up the record under way, and n places more: where the next one begins is not known.
func (d *direction) lose(n int64) {
	d.reset()
	d.message = nil
	d.lost = true
	d.taken += n
}

// broken takes bytes that are no record.
func (d *direction) broken(c *conn, p []byte) {
	c.info.Broken = true
	d.lose(int64(len(p)))
}

// resume begins with a record behind what was lost.
func (d *direction) resume() {
	d.giveUp()
	d.lost = false
}

// giveUp says of all that was taken that it was lost, where no record begins yet.
func (d *direction) giveUp() {
	if n := d.taken - d.done; n > 0 {
		if !d.idle {
			d.gap += n
		}
		d.skipped += n
		d.done, d.sure = d.taken, false
		d.lose(0)
	}
}
