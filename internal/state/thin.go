package state

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// step is what a packet is to its connection.
type step struct {
	from     reassembly.Side
	seq, ack uint32 // as in the packet
	length   int    // of its new bytes
	rest     bool   // before it each command had been answered
	next     [2]uint32
	plain    bool // nothing is repeated, late or missing
	stamped  bool // it has TCP timestamps
	stamp    uint32
}

// How an open connection is made smaller without forgetting how many replies its callers are behind:
//
//  1. Between two moments at which every command has been answered, as many replies were sent as commands. A call that is so
//     many replies behind before them is as many behind after them. So whole exchanges may be taken out.
//  2. The sequence and acknowledgement numbers of what stands before them are moved up by the bytes that are taken out, so that
//     nothing seems to be missing. The next file goes on with the numbers that it has.
//     So are the timestamps that are echoed.
//  3. That is done only where the client had acknowledged all when it wrote, so that no acknowledgement changes its meaning.
//  4. What may be how it fell behind stays: the beginning and the end; commands that were written behind others while replies
//     were due, where most exchanges have fewer writes or the server had spoken in between; what was repeated or lost; the
//     slowest exchanges, whose callers may have given up; and what stands around them.
//
// A connection that is never at rest, since many callers share it, loses the packets of its middle instead.
const (
	keptHead   = 64  // packets
	keptTail   = 256 // packets
	keptSlow   = 16  // exchanges
	keptBefore = 2   // exchanges before one that stays
	keptBehind = 32  // and behind it: they show whose replies later callers got
)

// exchange is a run of packets between two moments of rest.
type exchange struct {
	from, to int // packets
	stays    bool
	took     capture.Time // until the last reply
	writes   int          // packets of the client with new bytes
}

// thin halves a connection, and returns how many packets it had to give up so that bytes seem to be missing.
func (c *conn) thin() (lost int) {
	goal := c.bytes / 2
	c.takeOut(goal)
	if c.bytes <= goal+goal/2 {
		return 0
	}
	from, to := keptHead, len(c.packets)-max(keptTail, len(c.packets)/2)
	if from >= to {
		return 0
	}
	c.remove(from, to)
	return to - from
}

func (c *conn) remove(from, to int) {
	for _, h := range c.packets[from:to] {
		c.bytes -= h.size()
	}
	c.packets = slices.Delete(c.packets, from, to)
}

// exchanges parts the middle of a connection.
func (c *conn) exchanges() (all []exchange) {
	from := -1
	for i, h := range c.packets {
		if !h.rest || h.from != c.client || h.length == 0 {
			continue
		}
		if from >= keptHead && i <= len(c.packets)-keptTail {
			all = append(all, c.exchange(from, i))
		}
		from = i
	}
	if len(all) == 0 {
		return nil
	}
	took, writes := make([]capture.Time, len(all)), make([]int, len(all))
	for i := range all {
		took[i], writes[i] = all[i].took, all[i].writes
	}
	slices.Sort(took)
	slices.Sort(writes)
	half := len(all) / 2
	slow := took[max(len(took)-keptSlow, 0)]
	for i := range all {
		all[i].stays = all[i].stays || all[i].writes > writes[half] || all[i].took >= slow && slow > took[half]
	}
	odd := make([]bool, len(all))
	for i := range all {
		if all[i].stays {
			for k := max(i-keptBefore, 0); k <= min(i+keptBehind, len(all)-1); k++ {
				odd[k] = true
			}
		}
	}
	for i := range all {
		all[i].stays = odd[i]
	}
	return all
}

// exchange looks at the packets of one. It stays if it is anything but commands, and behind them what the server sent.
func (c *conn) exchange(from, to int) exchange {
	x := exchange{from: from, to: to}
	answered := false
	for _, h := range c.packets[from:to] {
		x.stays = x.stays || !h.plain
		switch {
		case h.from != c.client:
			if answered = true; h.length > 0 {
				x.took = h.Time - c.packets[from].Time
			}
		case h.length > 0:
			x.stays = x.stays || answered
			x.writes++
		}
	}
	return x
}

// restsAt reports whether the client had acknowledged everything with packet i.
func (c *conn) restsAt(i int) bool {
	h := c.packets[i]
	return h.ack == h.next[c.client.Other()] && h.seq == h.next[c.client]
}

// run is packets to take out.
type run struct{ from, to int }

// takeOut takes exchanges out that need not stay until the connection is as small as the goal. Half of that are its first ones,
// which show how the client uses its connections, the others its latest ones.
func (c *conn) takeOut(goal int) {
	var runs []run
	left, head, at := c.bytes, 0, 0
	for _, x := range c.exchanges() {
		if left <= goal {
			break
		}
		for ; at < x.from; at++ {
			head += c.packets[at].size()
		}
		if x.stays || head < goal/2 {
			continue
		}
		for _, h := range c.packets[x.from:x.to] {
			left -= h.size()
		}
		if n := len(runs); n > 0 && runs[n-1].to == x.from {
			runs[n-1].to = x.to
		} else {
			runs = append(runs, run{x.from, x.to})
		}
	}
	for _, r := range slices.Backward(runs) {
		if !c.restsAt(r.from) || !c.restsAt(r.to) {
			continue
		}
		var moved [2]uint32
		for side := range moved {
			moved[side] = c.packets[r.to].next[side] - c.packets[r.from].next[side]
		}
		if !c.move(r.from, moved) {
			return
		}
		c.echo(r)
		c.remove(r.from, r.to)
	}
}

// echo makes the client's first packets behind a run echo the timestamp of the server's last packet before it: they echo one
// that is taken out.
func (c *conn) echo(r run) {
	for i := r.from - 1; i >= 0; i-- {
		if h := c.packets[i]; h.from != c.client && h.stamped {
			for _, to := range c.packets[r.to:] {
				if to.from != c.client {
					return
				}
				c.setEcho(to, h.stamp)
			}
		}
	}
}

// setEcho sets TSecr (RFC 7323) of a packet that has timestamps.
func (c *conn) setEcho(h *held, stamp uint32) {
	at := c.header(h)
	if at < 0 || !h.stamped {
		return
	}
	const kindEnd, kindPad, kindTimestamps = 0, 1, 8
	options := h.Data[at+20 : max(at+20, min(at+int(h.Data[at+12]>>4)*4, len(h.Data)))]
	for len(options) >= 10 && options[0] != kindEnd {
		if options[0] == kindPad {
			options = options[1:]
			continue
		}
		if options[0] == kindTimestamps {
			binary.BigEndian.PutUint32(options[6:], stamp)
			return
		}
		options = options[min(max(int(options[1]), 2), len(options)):]
	}
}

// move adds to the numbers of the packets before one. It changes nothing where it does not find them.
func (c *conn) move(before int, by [2]uint32) bool {
	places := make([]int, before)
	for i, h := range c.packets[:before] {
		if places[i] = c.header(h); places[i] < 0 {
			return false
		}
	}
	for i, h := range c.packets[:before] {
		h.seq += by[h.from]
		h.ack += by[h.from.Other()]
		for side := range h.next {
			h.next[side] += by[side]
		}
		binary.BigEndian.PutUint32(h.Data[places[i]+4:], h.seq)
		const flags, ack = 13, 1 << 4
		if h.Data[places[i]+flags]&ack != 0 {
			binary.BigEndian.PutUint32(h.Data[places[i]+8:], h.ack)
		}
	}
	return true
}

// header finds the TCP header of a packet by its ports and sequence number; -1 if it is not there.
func (c *conn) header(h *held) int {
	var want [8]byte
	binary.BigEndian.PutUint16(want[:], c.ends[h.from].Port())
	binary.BigEndian.PutUint16(want[2:], c.ends[h.from.Other()].Port())
	binary.BigEndian.PutUint32(want[4:], h.seq)
	at := bytes.Index(h.Data, want[:])
	if at < 0 || at+20 > len(h.Data) || h.Data[at+12]>>4 < 5 {
		return -1
	}
	return at
}
