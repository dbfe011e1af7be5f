package state

import (
	"bytes"
	"cmp"
	"iter"
	"slices"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report/evidence"
	"github.com/respsniff/respsniff/reassembly"
)

// limitOf is how many bytes of packets a State holds, with packetCost for each packet: a sixteenth of the memory that a run
// may use, since what is made of them takes several times as much, and at most half of a file. memory 0 stands for 512 MiB.
func limitOf(memory int64) int { return int(min(cmp.Or(memory, 512<<20)/16, maxState/2)) }

const (
	packetCost = 160     // bytes of memory beside its data
	maxWaiting = 1 << 14 // packets that wait for the segment that tells their connection
)

// Keeper is a stage that passes everything through and keeps what the next file needs.
type Keeper struct {
	limit   int // bytes
	ports   []uint16
	waiting map[place]*held
	queue   []*held // in the order in which they came, to give up those that no segment tells of
	conns   map[int64]*conn
	bytes   int
	serial  int64
	marks   latest
	first   capture.Time // of the file
	last    capture.Time
	left    Left
}

// place is where a packet stands.
type place struct {
	file  int32
	frame int64
}

// held is a packet that is kept, of one connection or of none so far.
type held struct {
	capture.Packet
	serial int64
	taken  bool
	step
}

func (h *held) size() int { return packetCost + len(h.Data) }

// conn is the packets of one connection, in the order in which they came.
type conn struct {
	id      int64
	packets []*held
	bytes   int
	useless bool // what it carries is not paired
	closed  bool
	fresh   bool // it has packets of the file at hand
	ends    ends
	client  reassembly.Side
	rest    bool      // nothing is outstanding now
	next    [2]uint32 // raw sequence numbers that are due, by side
}

// NewKeeper keeps at most so many bytes of packets; before is what was known already, nil for nothing.
func NewKeeper(ports []uint16, before *State, limit int) *Keeper {
	k := &Keeper{limit: limit, ports: sorted(ports), waiting: map[place]*held{}, conns: map[int64]*conn{}}
	if before != nil {
		k.left, k.last = before.Left, before.Last
		for _, m := range before.Marks {
			k.marks.add(m)
		}
	}
	return k
}

// Packets takes packets on their way.
func (k *Keeper) Packets(batches iter.Seq2[[]capture.Packet, error]) iter.Seq2[[]capture.Packet, error] {
	return func(yield func([]capture.Packet, error) bool) {
		for batch, err := range batches {
			for i := range batch {
				k.packet(&batch[i])
			}
			if !yield(batch, err) {
				return
			}
		}
	}
}

func (k *Keeper) packet(p *capture.Packet) {
	if p.File < firstFile { // not of the State before
		if k.first == 0 {
			k.first = p.Time
		}
		k.last = max(k.last, p.Time)
		k.marks.add(markOf(p))
	}
	k.serial++
	h := &held{Packet: *p, serial: k.serial}
	if p.File < firstFile { // else it is the State's
		h.Data = bytes.Clone(p.Data)
	}
	k.waiting[place{p.File, p.Frame}] = h
	k.queue = append(k.queue, h)
	if len(k.queue) > maxWaiting {
		for _, h := range k.queue[:maxWaiting/2] {
			if at := (place{h.File, h.Frame}); k.waiting[at] == h {
				delete(k.waiting, at)
			}
		}
		k.queue = append(k.queue[:0], k.queue[maxWaiting/2:]...)
	}
}

// Segments takes segments on their way.
func (k *Keeper) Segments(segments iter.Seq2[*reassembly.Segment, error]) iter.Seq2[*reassembly.Segment, error] {
	return func(yield func(*reassembly.Segment, error) bool) {
		segments(func(seg *reassembly.Segment, err error) bool {
			if err != nil || seg.Conn == nil {
				return yield(seg, err)
			}
			c, s := k.segment(seg), seg.Conn
			if !yield(seg, nil) {
				return false
			}
			if session, ok := s.Tag.(*analysis.Session); ok && !c.closed {
				c.useless = session.Kind == pairing.Unparsed || session.Kind == pairing.Replication
				c.rest = session.AtRest()
				if c.client = reassembly.A; session.Client == c.ends[reassembly.B] {
					c.client = reassembly.B
				}
			} else {
				c.rest = false
			}
			return true
		})
	}
}

// segment gives a packet to its connection.
func (k *Keeper) segment(seg *reassembly.Segment) *conn {
	c := k.conns[seg.Conn.ID]
	if c == nil {
		c = &conn{id: seg.Conn.ID, ends: seg.Conn.Ends}
		k.conns[c.id] = c
	}
	if seg.End != reassembly.NotEnded {
		c.closed = c.closed || seg.End != reassembly.EndCapture
		return c
	}
	at := place{seg.File, seg.Frame}
	h := k.waiting[at]
	if h == nil || h.taken || seg.Flags == 0 {
		return c
	}
	delete(k.waiting, at)
	h.taken = true
	h.step = step{from: seg.From, seq: seg.RawSeq, ack: seg.RawAck, length: seg.Length, rest: c.rest, next: c.next, plain: seg.Repeated == 0 && seg.Missing == 0 && !seg.Late, stamped: seg.HasTS, stamp: seg.TSVal}
	if side := &seg.Conn.Sides[seg.From]; side.Seen {
		c.next[seg.From] = side.FirstSeq + uint32(seg.Offset+int64(seg.Length))
	}
	c.fresh = c.fresh || h.File < firstFile
	c.packets = append(c.packets, h)
	c.bytes += h.size()
	if k.bytes += h.size(); k.bytes > k.limit {
		k.makeRoom()
	}
	return c
}

// makeRoom gives up an eighth of what is kept: connections without commands to pair first, then closed ones, the oldest first, then the
// middle of the open ones that have most.
func (k *Keeper) makeRoom() {
	goal := k.limit / 8 * 7
	var gone []*conn
	for _, c := range k.conns {
		if len(c.packets) > 0 && (c.closed || c.useless) {
			gone = append(gone, c)
		}
	}
	slices.SortFunc(gone, func(a, b *conn) int {
		if a.useless != b.useless {
			if a.useless {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.lastSerial(), b.lastSerial())
	})
	for _, c := range gone {
		if k.bytes <= goal {
			return
		}
		k.bytes -= c.bytes
		if c.packets, c.bytes = nil, 0; c.closed {
			delete(k.conns, c.id)
		}
	}
	for k.bytes > goal && len(k.conns) > 0 {
		most := k.largest(func(a, b *conn) bool { return a.bytes > b.bytes })
		before := most.bytes
		k.left.Packets += int64(most.thin())
		if most.bytes == before { // all are small: the one that was silent for longest
			most = k.largest(func(a, b *conn) bool { return a.lastSerial() < b.lastSerial() })
			before = most.bytes
			most.remove(0, len(most.packets))
			delete(k.conns, most.id)
			k.left.Conns++
		}
		k.bytes -= before - most.bytes
	}
}

// largest returns the connection that is before all others.
func (k *Keeper) largest(before func(a, b *conn) bool) (first *conn) {
	for _, c := range k.conns {
		if first == nil || before(c, first) || !before(first, c) && c.id < first.id {
			first = c
		}
	}
	return first
}

// lastSerial is that of its latest packet.
func (c *conn) lastSerial() int64 {
	if len(c.packets) == 0 {
		return 0
	}
	return c.packets[len(c.packets)-1].serial
}

// Continued returns how many connections of the State before go on in this file.
func (k *Keeper) Continued() (n int64) {
	for _, c := range k.conns {
		if c.fresh && len(c.packets) > 0 && c.packets[0].File >= firstFile {
			n++
		}
	}
	return n
}

// State returns what is kept, without secrets, when the run is over. name names the files.
func (k *Keeper) State(o analysis.Options, name func(file int32) string) *State {
	s := &State{Ports: k.ports, Begun: k.first, Last: k.last, Left: k.left, Marks: k.marks.all()}
	n := 0
	for _, c := range k.conns {
		n += len(c.packets)
	}
	all := make([]*held, 0, n)
	for _, c := range k.conns {
		if !c.useless || !c.closed {
			all = append(all, c.packets...)
		}
	}
	slices.SortFunc(all, func(a, b *held) int { return cmp.Compare(a.serial, b.serial) })
	packets := make([]capture.Packet, len(all))
	for i, h := range all {
		packets[i] = h.Packet
	}
	numbers := map[int32]int32{} // not by name: standard input, say, is another file each time
	s.Packets = withoutSecrets(packets, o)
	for i := range s.Packets {
		p := &s.Packets[i]
		n, known := numbers[p.File]
		if !known {
			text := name(p.File)
			n = int32(min(len(s.Files), maxFiles-1))
			numbers[p.File] = n
			s.Files = append(s.Files[:n], text[:min(len(text), maxName)])
		}
		p.File = firstFile + n
	}
	return s
}

// withoutSecrets blanks what respsniff cut blanks. It uses packets for what it returns.
func withoutSecrets(packets []capture.Packet, o analysis.Options) []capture.Packet {
	cutter := evidence.NewAll()
	run := analysis.NewRun(&analysis.Options{Ports: o.Ports, Memory: o.Memory})
	assembler := reassembly.New(reassembly.Options{Ports: o.Ports, Memory: o.Memory})
	for event, err := range run.Events(cutter.Segments(assembler.Batched(inBatches(packets)))) {
		if err == nil {
			cutter.Watch(event)
		}
	}
	cut := packets[:0]
	for _, p := range packets {
		if c, _, keep := cutter.Cut(p); keep {
			cut = append(cut, c)
		}
	}
	return cut
}
