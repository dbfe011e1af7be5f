package reassembly

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// half is what is known of one direction's stream. Places are offsets as Segment.Offset; FIN takes one place.
type half struct {
	next  int64 // first place not handed out
	high  int64 // end of the highest bytes captured, handed out or queued
	acked int64 // highest place the peer acknowledged
	lost  int64 // bytes given up directly before next, to be reported as Missing with the next segment

	highTime capture.Time // of the segment that ends at high
	highTS   uint32
	first    uint32 // SideStats.FirstSeq, beside what is computed with it
	highID   uint16

	based bool  // first holds
	syn   bool  // the SYN was seen
	moved bool  // something was handed out: offset 0 and next stay where they are
	fin   bool  // FIN was handed out and counts in next
	bare  bool  // based on a packet without payload and without SYN: it may have been a keep-alive probe
	scale uint8 // of the window, as the SYN had it, plus 1; 0 if it had none
}

// idWindow is how far apart the IP identifiers of neighbouring packets of a connection may be.
const idWindow = 64

// precedes reports whether seg left its sender before the segment that ends at high, though it stands behind it in the
// capture: its time is earlier, or its TCP timestamp is, or the IP identifier that the sender counts up. A
// retransmission is later by all three.
func (h *half) precedes(seg *Segment) bool {
	if seg.Time != h.highTime && seg.Time.Sub(h.highTime) < 0 {
		return true
	}
	if seg.HasTS && h.highTS != 0 && int32(seg.TSVal-h.highTS) < 0 {
		return true
	}
	d := int16(seg.IPID - h.highID)
	return seg.IPID != 0 && h.highID != 0 && d < 0 && d > -idWindow
}

// flowState says which list a flow is in.
type flowState uint8

const (
	flowFree  flowState = iota
	flowLive            // in the table
	flowEnded           // in the table, its End handed out: it only swallows late packets
)

// flow is a connection with what reassembly keeps of it. Flows lie in slabs and never move; one is used again once its
// consumer has received the End of its Conn.
type flow struct {
	pair    pair
	half    [2]half
	active  int64    // clock reading of the last packet
	backlog *backlog // nil while nothing waits
	index   uint32   // of the flow in the slabs
	slot    int32    // place in the timer heap, -1 if none
	state   flowState
	flip    Side // the side that the smaller end of pair is
	rst     bool
	forming bool     // no SYN yet: what comes is queued for ReorderWindow, because the first in the file may not be the first
	steady  bool     // see settled
	shift   [2]uint8 // of each side's window; see settled
	conn    Conn
}

func (f *flow) finished() bool { return f.half[A].fin && f.half[B].fin }

func (f *flow) closed() bool { return f.rst || f.finished() }

// end says how a closed connection ended, or what ended it otherwise.
func (f *flow) end(otherwise End) End {
	switch {
	case f.finished():
		return EndFIN
	case f.rst:
		return EndRST
	}
	return otherwise
}

// rebase sets the sequence number of offset 0 of side s.
func (f *flow) rebase(s Side, seq uint32) {
	f.setFirst(s, seq)
	h := &f.half[s]
	h.based, h.next, h.high, h.acked = true, 0, 0, 0
}

func (f *flow) setFirst(s Side, seq uint32) { f.half[s].first, f.conn.Sides[s].FirstSeq = seq, seq }

// swap exchanges the sides of a connection of which nothing was handed out.
func (f *flow) swap() {
	c := &f.conn
	c.Ends[A], c.Ends[B] = c.Ends[B], c.Ends[A]
	c.Sides[A], c.Sides[B] = c.Sides[B], c.Sides[A]
	f.half[A], f.half[B] = f.half[B], f.half[A]
	f.flip ^= 1
	if f.backlog != nil {
		f.backlog.swap()
	}
}

// offset unwraps a sequence number of side s to the place nearest to ref.
func (f *flow) offset(s Side, seq uint32, ref int64) int64 {
	return ref + int64(int32(seq-(f.half[s].first+uint32(ref))))
}

// slabSize is the number of flows allocated at once.
const slabSize = 128

// slabs holds all flows. A flow's index stays with it for ever.
type slabs struct {
	slab []*[slabSize]flow
	free []uint32
	used int
}

func (s *slabs) at(index uint32) *flow { return &s.slab[index/slabSize][index%slabSize] }

func (s *slabs) take() *flow {
	if len(s.free) == 0 {
		base := uint32(len(s.slab) * slabSize)
		s.slab = append(s.slab, new([slabSize]flow))
		for i := slabSize - 1; i >= 0; i-- {
			s.free = append(s.free, base+uint32(i))
		}
	}
	index := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.used++
	f := s.at(index)
	*f = flow{index: index, slot: -1, state: flowLive}
	return f
}

func (s *slabs) give(f *flow) {
	f.state = flowFree
	f.conn.Tag = nil
	s.used--
	s.free = append(s.free, f.index)
}

// all calls do for every flow that is not free.
func (s *slabs) all(do func(*flow)) {
	for i := range s.slab {
		for j := range s.slab[i] {
			if f := &s.slab[i][j]; f.state != flowFree {
				do(f)
			}
		}
	}
}

// evictionSample is how many flows are compared to find one that has been idle for long.
const evictionSample = 16

// idlest returns the live flow to give up: of a sample that moves on through the slabs, the one silent longest, and
// rather one that never got an answer. It returns nil if the sample holds no live flow.
func (s *slabs) idlest(hand *uint32, now int64) *flow {
	total := uint32(len(s.slab) * slabSize)
	var best *flow
	var bestIdle int64
	for seen, steps := 0, uint32(0); seen < evictionSample && steps < total; steps++ {
		*hand++
		if *hand >= total {
			*hand = 0
		}
		f := s.at(*hand)
		if f.state != flowLive {
			continue
		}
		seen++
		idle := now - f.active
		if !f.conn.Sides[A].Seen || !f.conn.Sides[B].Seen {
			idle += int64(time.Hour)
		}
		if best == nil || idle > bestIdle {
			best, bestIdle = f, idle
		}
	}
	return best
}
