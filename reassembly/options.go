package reassembly

import (
	"time"

	"github.com/respsniff/respsniff/internal/bound"
)

// Options bound the work of an Assembler; the zero value is the good default.
type Options struct {
	// Ports, if not empty, keeps the TCP packets from or to one of these ports; others are counted and skipped.
	Ports []uint16

	// Numbered is how many connections of the same traffic have numbers already: the first one gets the next.
	Numbered int64

	// Memory is the limit in bytes that MaxConns and MaxBuffered are scaled to where they are not given; 0: 512 MiB.
	Memory int64
	// MaxConns bounds the connections held at once. At the bound the longest idle of a sample gives way (EndEvicted),
	// half-open ones first.
	MaxConns int
	// ReorderWindow is how far in packet time a frame may stand from its place in the file: an acknowledged hole
	// waits this long for its bytes.
	ReorderWindow time.Duration
	// ReorderPackets ends that wait earlier, after so many further packets on the connection.
	ReorderPackets int
	// HoleTimeout is how long a hole that no ACK covers waits for a retransmission.
	HoleTimeout time.Duration
	// MaxHoleBytes and MaxHolePackets bound what one connection queues behind holes: bytes a direction, packets in all.
	MaxHoleBytes   int
	MaxHolePackets int
	// MaxBuffered bounds the memory queued behind the holes of all connections, in bytes.
	MaxBuffered int
}

// Defaults of Options.
const (
	// DefaultMaxConns is for a memory limit of 512 MiB, at 0.5 KiB a connection here and 4 KiB in the analysis.
	DefaultMaxConns = 1 << 15
	// DefaultReorderWindow covers the disorder of multi-queue NICs, merged files and `-i any`; it is shorter than the
	// smallest retransmission timeout in use (200 ms on Linux).
	DefaultReorderWindow = 50 * time.Millisecond
	// DefaultReorderPackets is what a connection with large values sends in the window.
	DefaultReorderPackets = 2048
	// DefaultHoleTimeout lets three retransmissions of a Linux sender (0.2, 0.6, 1.4 s) and one more arrive.
	DefaultHoleTimeout = 5 * time.Second
	// DefaultMaxHoleBytes is above the send window of an ordinary connection.
	DefaultMaxHoleBytes = 4 << 20
	// DefaultMaxHolePackets is the same window in segments of an Ethernet's size, and the ACKs for them.
	DefaultMaxHolePackets = 4096
	// DefaultMaxBuffered bounds a capture with loss on every connection.
	DefaultMaxBuffered = 32 << 20
)

// Bounds that are not worth an option.
const (
	// oneSidedTimeout replaces HoleTimeout where the peer was never captured: no ACK can come.
	oneSidedTimeout = time.Second
	// linger is how long a closed connection waits for late packets before its End is handed out.
	linger = time.Second
	// maxEnded bounds the ended connections that are kept so that their late packets do not open another one.
	maxEnded = 4096
	// lateFor is how late a packet may come: twice the maximum segment lifetime of RFC 9293. So few connections that come and go
	// take little memory, and it does not grow for hours until there are maxEnded.
	lateFor = 4 * time.Minute
	// clockStep is the change of file time that is a clock set anew and no passing of time.
	clockStep = time.Hour
	// duplicateWindow is how long after a packet an equal one is a copy made by SPAN or by `-i any`.
	duplicateWindow = 10 * time.Millisecond
	// maxWindow is the largest TCP window (RFC 7323 section 2.3): places further off are not of this connection.
	maxWindow = 1 << 30
	// farOff is a distance in sequence space that no stray packet of a closed connection has.
	farOff = 1 << 20
	// farIdle is the silence after which data that is farOff on a closed connection opens another one.
	farIdle = 2 * time.Second
	// farOffLive and farIdleLive are the same for an open connection, where loss can be the reason of much.
	farOffLive  = 16 << 20
	farIdleLive = 5 * time.Second
)

func orDefault[T ~int | ~int64](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

func (o Options) withDefaults() Options {
	o.MaxConns = orDefault(o.MaxConns, bound.Scaled(DefaultMaxConns, o.Memory))
	o.ReorderWindow = orDefault(o.ReorderWindow, DefaultReorderWindow)
	o.ReorderPackets = orDefault(o.ReorderPackets, DefaultReorderPackets)
	o.HoleTimeout = orDefault(o.HoleTimeout, DefaultHoleTimeout)
	o.MaxHoleBytes = orDefault(o.MaxHoleBytes, DefaultMaxHoleBytes)
	o.MaxHolePackets = orDefault(o.MaxHolePackets, DefaultMaxHolePackets)
	o.MaxBuffered = orDefault(o.MaxBuffered, bound.Scaled(DefaultMaxBuffered, o.Memory))
	return o
}
