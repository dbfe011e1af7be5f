package reassembly

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// Assembler turns packets into segments. It serves one goroutine and one sequence of packets.
type Assembler struct {
	sequencer // with the output: all that the packets of an open connection need once they are found to be of it

	packet  packet
	ports   *[1 << 16 / 64]uint64 // bit set of Options.Ports, nil for all
	decoder decoder
	table   table
	flows   slabs
	ended   ended
	hand    uint32 // of flows.idlest
	near    near
	recent  recent
	kept    kept
}

// New returns an Assembler.
func New(o Options) *Assembler {
	a := &Assembler{}
	a.options = o.withDefaults()
	a.bounds.Memory = o.Memory
	a.limits = newLimits(&a.bounds, &a.options)
	a.decoder.fragments.limits = &a.limits
	a.clock.latest = notStarted
	if len(o.Ports) > 0 {
		a.ports = new([1 << 16 / 64]uint64)
		for _, p := range o.Ports {
			a.ports[p/64] |= 1 << (p % 64)
		}
	}
	a.decoder.stats = &a.stats
	a.decoder.seed, a.table.seed = rand.Uint64(), rand.Uint64() // so that no capture can be made that fills one place of the table
	a.table.flows = &a.flows
	a.table.grow()
	return a
}

// Segments returns the segments of all TCP connections in packets; o may be nil. See Assembler.Segments.
func Segments(packets iter.Seq2[capture.Packet, error], o *Options) iter.Seq2[*Segment, error] {
	if o == nil {
		o = &Options{}
	}
	return New(*o).Segments(packets)
}

// Segments returns the segments of all TCP connections in packets, in the order that Segment documents. Each connection
// yields one last Segment whose End is set; its Conn is used again for another connection once the consumer asks for
// the next segment. A segment is borrowed until then, too.
//
// An error from packets is handed on, with no segment, and reading goes on as long as packets has more. When packets
// ends, what still waits is handed out and every open connection ends with EndCapture. A packet without data and
// without length is a tick: it moves the clock on.
//
// The sequence can be walked once.
func (a *Assembler) Segments(packets iter.Seq2[capture.Packet, error]) iter.Seq2[*Segment, error] {
	return a.Batched(func(yield func([]capture.Packet, error) bool) {
		var one [1]capture.Packet
		for p, err := range packets {
			if one[0] = p; !yield(one[:], err) {
				return
			}
		}
	})
}

// Batched is Segments for packets that come some at a time.
func (a *Assembler) Batched(batches iter.Seq2[[]capture.Packet, error]) iter.Seq2[*Segment, error] {
	return func(yield func(*Segment, error) bool) {
		a.yield = yield
		for batch, err := range batches {
			if err != nil {
				a.stopped = !yield(nil, err)
			} else {
				a.take(batch)
			}
			if a.stopped {
				return
			}
		}
		a.finish()
	}
}

// Stats returns the counts so far.
func (a *Assembler) Stats() Stats {
	s := a.stats
	s.FragmentsDropped += a.decoder.fragments.waiting()
	return s
}

// Unread returns what the packets without TCP carried. It changes as packets are taken in.
func (a *Assembler) Unread() Unread { return a.decoder.unread }

// take takes in packets until the consumer stops. The loop is in here because a call for each can be
// measured.
func (a *Assembler) take(packets []capture.Packet) {
	for i := range packets {
		p := &packets[i]
		if !a.clock.follow(p.Time) {
			a.step(p.Time)
		}
		for len(a.timers) > 0 && a.timers[0].due <= a.clock.reading {
			if a.fire(a.timers[0].flow); a.stopped {
				return
			}
		}
		if decodePlain(p, &a.packet) {
			a.stats.Packets++
			a.stats.IPv4++
			if f, s := a.near.find(&a.packet); f != nil && a.inOrder(f, s, p) {
				if a.stopped {
					return
				}
				continue
			}
			a.packet.src, a.packet.dst = a.packet.route.ends()
		} else if !a.decoder.walk(p, &a.packet) {
			continue
		}
		if a.look(p); a.stopped {
			return
		}
	}
}

// look takes in the decoded packet where near or inOrder were of no use.
func (a *Assembler) look(cp *capture.Packet) {
	p := &a.packet
	if a.ports != nil && !a.wanted(p.src.port()) && !a.wanted(p.dst.port()) {
		a.stats.Filtered++
		return
	}
	f, s := a.table.find(p, &a.decoder.ends)
	if f != nil {
		a.near.keep(p, f)
	}
	if f == nil || !a.inOrder(f, s, cp) {
		a.tcp(f, s, cp)
	}
}

// step moves the clock on to t where that is not a little later.
func (a *Assembler) step(t capture.Time) {
	late, stepped := a.clock.advance(t)
	if stepped {
		a.stats.ClockSteps++
	} else if late > a.options.ReorderWindow {
		a.stats.Backwards++
	}
}

func (a *Assembler) wanted(port uint16) bool { return a.ports[port/64]>>(port%64)&1 != 0 }

// fire handles the timer of f: a hole has waited long enough, or a closed connection has lingered.
func (a *Assembler) fire(f *flow) {
	a.timers.clear(f)
	if f.backlog != nil {
		a.drain(f, false)
		return
	}
	if f.closed() {
		a.close(f, EndCapture)
	}
}

// finish hands out what waits and ends every connection, in order of their numbers.
func (a *Assembler) finish() {
	var live []*flow
	a.flows.all(func(f *flow) {
		if f.state == flowLive {
			live = append(live, f)
		}
	})
	slices.SortFunc(live, func(x, y *flow) int { return cmp.Compare(x.conn.ID, y.conn.ID) })
	for _, f := range live {
		a.close(f, EndCapture)
		if a.stopped {
			return
		}
	}
}

// Bounds returns the limits on what the Assembler keeps.
func (a *Assembler) Bounds() *bound.Set { return &a.bounds }
