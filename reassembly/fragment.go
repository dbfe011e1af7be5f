package reassembly

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// Bounds of IP reassembly. TCP is hardly ever fragmented outside tunnels, so they are small.
const (
	maxFragmented    = 256              // incomplete packets
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

// fragmented is an incomplete packet.
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
	limits *limits
	parts  map[fragmentKey]*fragmented
	queue  []queuedFragment // oldest first; some are joined or dropped by now
	bytes  int
	next   int64 // number of the packet begun last
}

type queuedFragment struct {
	key   fragmentKey
	order int64
}

// fragment is one fragment as captured.
type fragment struct {
	key     fragmentKey
	from    int // place of data in the payload of the packet
	more    bool
	proto   uint8 // as its header says; that of the first fragment counts
	data    []byte
	missing int // bytes behind data that were not captured
	at      capture.Time
}

// join takes one fragment; the fragment that completes its packet yields the payload of the whole and its protocol.
func (f *fragments) join(in *fragment, stats *Stats) (payload []byte, proto uint8, whole bool) {
	stats.FragmentsIn++
	if f.parts == nil {
		f.parts = make(map[fragmentKey]*fragmented)
		if f.limits == nil {
			own := newLimits(&bound.Set{}, &Options{})
			f.limits = &own
		}
	}
	p := f.parts[in.key]
	if p != nil && (in.at.Sub(p.since) > fragmentTimeout || p.since.Sub(in.at) > fragmentTimeout) {
		f.drop(in.key, p, stats)
		p = nil
	}
	if p == nil {
		if !f.limits.fragmented.Admits(len(f.parts)) {
			f.dropOldest(stats)
		}
		p = f.begin(in.key, in.at)
	}
	if p.bad || p.holds(in.from, in.data) {
		return nil, 0, false
	}
	if !f.limits.fragments.Admits(len(p.spans)) || !p.add(in.from, in.more, in.data, in.missing) {
		p.bad = true
		f.bytes -= cap(p.data)
		p.data, p.spans = nil, nil
		stats.FragmentsDropped++
		return nil, 0, false
	}
	if in.from == 0 {
		p.proto = in.proto
	}
	before := cap(p.data)
	p.store(in.from, in.data)
	f.bytes += cap(p.data) - before
	for f.bytes > maxFragmentBytes && len(f.parts) > 1 {
		f.limits.fragmentData.Hits++
		f.dropOldest(stats)
	}
	if p.total < 0 || p.have < p.total || f.parts[in.key] != p {
		return nil, 0, false
	}
	f.bytes -= cap(p.data)
	delete(f.parts, in.key)
	stats.FragmentsJoined++
	return p.data[:p.total], p.proto, true
}

// waiting counts the packets that are not whole yet.
func (f *fragments) waiting() (n int64) {
	for _, p := range f.parts {
		if !p.bad {
			n++
		}
	}
	return n
}

// holds reports whether a fragment is an exact copy, as SPAN ports make them, and not an overlap.
func (p *fragmented) holds(from int, data []byte) bool {
	to := from + len(data)
	return slices.Contains(p.spans, span{from, to}) && bytes.Equal(p.data[from:to], data)
}

// add checks that a fragment fits those captured before and records its range.
func (p *fragmented) add(from int, more bool, data []byte, missing int) bool {
	to := from + len(data)
	if missing > 0 || to > maxIPPayload || (more && len(data)%8 != 0) || len(data) == 0 {
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

func (f *fragments) drop(key fragmentKey, p *fragmented, stats *Stats) {
	if !p.bad {
		stats.FragmentsDropped++
	}
	f.bytes -= cap(p.data)
	delete(f.parts, key)
}

func (f *fragments) dropOldest(stats *Stats) {
	for len(f.queue) > 0 {
		first := f.queue[0]
		f.queue = f.queue[1:]
		if p := f.parts[first.key]; p != nil && p.order == first.order {
			f.drop(first.key, p, stats)
			return
		}
	}
}

// begin adds an incomplete packet.
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
