package reassembly

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Bounds of IP reassembly. TCP is hardly ever fragmented outside tunnels, so they are small.
const (
	maxFragmented    = 256              // packets in the making
	maxFragments     = 64               // fragments of one packet
	maxFragmentBytes = 4 << 20          // held by all
	fragmentTimeout  = 30 * time.Second // RFC 8200 section 4.5 allows 60, Linux takes 30 for IPv4
	maxIPPayload     = 65535
)

// fragmentKey names the packet that fragments belong to (RFC 791 section 3.2, RFC 8200 section 4.5). proto is 0 for
// IPv6, whose first fragment alone counts.
type fragmentKey struct {
	src, dst netip.Addr
	id       uint32
	proto    uint8
}

// span is a half-open range of bytes.
type span struct{ from, to int }

// fragmented is a packet in the making.
type fragmented struct {
	data  []byte
	spans []span // captured so far, disjoint
	have  int    // bytes in spans
	total int    // length of the payload, -1 until the last fragment is seen
	proto uint8  // what the first fragment says
	since capture.Time
	bad   bool // overlap or cut: whatever follows is dropped with it (RFC 5722)
	order int64
}

// fragments joins IP fragments. Memory is bounded by the constants above; the oldest gives way.
type fragments struct {
	parts map[fragmentKey]*fragmented
	queue []queuedFragment // oldest first; some are joined or dropped by now
	bytes int
	next  int64 // number of the packet begun last
}

type queuedFragment struct {
	key   fragmentKey
	order int64
}

// fragment takes one fragment in; the fragment that completes its packet yields the payload of the whole.
func (d *decoder) fragment(key fragmentKey, from int, more bool, data []byte) (layer, []byte) {
	d.stats.FragmentsIn++
	f := &d.fragments
	if f.parts == nil {
		f.parts = make(map[fragmentKey]*fragmented)
	}
	p := f.parts[key]
	if p != nil && (d.now.Sub(p.since) > fragmentTimeout || p.since.Sub(d.now) > fragmentTimeout) {
		d.drop(key, p)
		p = nil
	}
	if p == nil {
		if len(f.parts) >= maxFragmented {
			d.dropOldest()
		}
		p = f.begin(key, d.now)
	}
	if p.bad {
		return layerDone, nil
	}
	if p.holds(from, data) {
		return layerDone, nil
	}
	if !p.add(from, more, data, d.missing) {
		p.bad = true
		f.bytes -= cap(p.data)
		p.data, p.spans = nil, nil
		d.stats.FragmentsDropped++
		return layerDone, nil
	}
	if from == 0 {
		p.proto = d.proto
	}
	before := cap(p.data)
	p.store(from, data)
	f.bytes += cap(p.data) - before
	for f.bytes > maxFragmentBytes && len(f.parts) > 1 {
		d.dropOldest()
	}
	if p.total < 0 || p.have < p.total || f.parts[key] != p {
		return layerDone, nil
	}
	f.bytes -= cap(p.data)
	delete(f.parts, key)
	d.stats.FragmentsJoined++
	d.proto, d.missing = p.proto, 0
	return layerTransport, p.data[:p.total]
}

// holds tells an exact copy, which SPAN ports make, from an overlap.
func (p *fragmented) holds(from int, data []byte) bool {
	to := from + len(data)
	return slices.Contains(p.spans, span{from, to}) && bytes.Equal(p.data[from:to], data)
}

// add checks that a fragment fits those already held and notes it.
func (p *fragmented) add(from int, more bool, data []byte, missing int) bool {
	to := from + len(data)
	if missing > 0 || to > maxIPPayload || len(p.spans) >= maxFragments || (more && len(data)%8 != 0) || len(data) == 0 {
		return false
	}
	if !more {
		if p.total >= 0 && p.total != to {
			return false
		}
		p.total = to
	}
	if p.total >= 0 && to > p.total {
		return false
	}
	for _, s := range p.spans {
		if from < s.to && s.from < to {
			return false
		}
		if p.total >= 0 && s.to > p.total {
			return false
		}
	}
	p.spans = append(p.spans, span{from, to})
	p.have += len(data)
	return true
}

func (p *fragmented) store(from int, data []byte) {
	if to := from + len(data); to > len(p.data) {
		p.data = append(p.data, make([]byte, to-len(p.data))...)
	}
	copy(p.data[from:], data)
}

func (d *decoder) drop(key fragmentKey, p *fragmented) {
	if !p.bad {
		d.stats.FragmentsDropped++
	}
	d.fragments.bytes -= cap(p.data)
	delete(d.fragments.parts, key)
}

func (d *decoder) dropOldest() {
	f := &d.fragments
	for len(f.queue) > 0 {
		first := f.queue[0]
		f.queue = f.queue[1:]
		if p := f.parts[first.key]; p != nil && p.order == first.order {
			d.drop(first.key, p)
			return
		}
	}
}

// begin adds a packet in the making.
func (f *fragments) begin(key fragmentKey, now capture.Time) *fragmented {
	f.next++
	p := &fragmented{total: -1, since: now, order: f.next}
	f.parts[key] = p
	if len(f.queue) >= 2*maxFragmented { // most of them are joined by now
		f.queue = slices.DeleteFunc(f.queue, func(q queuedFragment) bool {
			p := f.parts[q.key]
			return p == nil || p.order != q.order
		})
	}
	f.queue = append(f.queue, queuedFragment{key, p.order})
	return p
}
