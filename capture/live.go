package capture

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"
)

// Defaults and bounds of live capture.
const (
	// DefaultBuffer is the kernel's ring in bytes, for each interface. 256 MiB cost twice the CPU time: the memory is
	// never in a cache.
	DefaultBuffer = 64 << 20
	// DefaultSnaplen is tcpdump's: more than the largest segment that an offloading interface hands over.
	DefaultSnaplen = 262144
	// DefaultTick is how often an idle capture says what time it is.
	DefaultTick = 100 * time.Millisecond
	// AnyInterface is the name that stands for all interfaces.
	AnyInterface = "any"

	minBuffer         = 1 << 20
	maxBuffer         = 4 << 30
	minSnaplen        = 68 // Ethernet, IPv4 and TCP with timestamps
	maxLiveInterfaces = 64
)

// Errors of OpenLive, besides fs.ErrNotExist for an unknown interface.
var (
	// ErrRights says that the process may not capture: on Linux it lacks CAP_NET_RAW.
	ErrRights = errors.New("no right to capture")
	// ErrUnsupported says that this build cannot do what was asked for.
	ErrUnsupported = errors.New("not in this build")
	// ErrNoInterface ends a capture whose interfaces are all gone.
	ErrNoInterface = errors.New("no interface is left to capture on")
)

// LiveOptions are what to capture. The zero value captures IP on all interfaces.
type LiveOptions struct {
	// Interfaces are names, or AnyInterface; none is AnyInterface.
	Interfaces []string
	// Filter is applied by the kernel.
	Filter LiveFilter
	// Expression is a filter in the language of pcap-filter(7), instead of Filter. Only libpcap knows it; elsewhere
	// OpenLive fails with ErrUnsupported.
	Expression string
	// Snaplen cuts packets to so many bytes; 0 is DefaultSnaplen.
	Snaplen int
	// Buffer is the kernel's memory for packets that were not read yet, in bytes for each interface; 0 is DefaultBuffer.
	Buffer int
	// Promiscuous also captures what is addressed to other hosts.
	Promiscuous bool
	// Tick is the longest time between two packets, ticks included; 0 is DefaultTick.
	Tick time.Duration
}

// Live captures from interfaces. It is not safe for concurrent use, except that Close may be called while nobody is
// inside Packets.
type Live struct {
	o       LiveOptions
	names   []string
	backend liveBackend
	frames  int64
}

// liveBackend is one way to get packets from the kernel.
type liveBackend interface {
	// run hands packets to yield until ctx is done or yield returns false. A packet without data is a tick. Its error
	// ended the capture; what concerns one interface only is handed to fail.
	run(ctx context.Context, tick time.Duration, yield func(*Packet) bool, fail func(error) bool) error
	// drops counts from the beginning on, all interfaces together.
	drops() (Drops, error)
	close() error
}

// OpenLive begins to capture: packets wait in the kernel's ring until Packets is called. It needs the right to, which
// can be given up as soon as OpenLive has returned. Errors name the interface; errors.Is finds ErrRights,
// ErrUnsupported and fs.ErrNotExist apart.
func OpenLive(o LiveOptions) (*Live, error) {
	if len(o.Interfaces) == 0 {
		o.Interfaces = []string{AnyInterface}
	}
	if o.Snaplen == 0 {
		o.Snaplen = DefaultSnaplen
	}
	if o.Buffer == 0 {
		o.Buffer = DefaultBuffer
	}
	if o.Tick <= 0 {
		o.Tick = DefaultTick
	}
	switch {
	case len(o.Interfaces) > maxLiveInterfaces:
		return nil, fmt.Errorf("%d interfaces: %w of %d", len(o.Interfaces), ErrLimit, maxLiveInterfaces)
	case o.Snaplen < minSnaplen || o.Snaplen > DefaultSnaplen:
		return nil, fmt.Errorf("snapshot length %d: want %d to %d", o.Snaplen, minSnaplen, DefaultSnaplen)
	case o.Buffer < minBuffer || o.Buffer > maxBuffer:
		return nil, fmt.Errorf("buffer of %d bytes: want %d to %d", o.Buffer, minBuffer, int64(maxBuffer))
	}
	seen := map[string]bool{}
	for _, name := range o.Interfaces {
		if seen[name] {
			return nil, fmt.Errorf("interface %s is named twice", name)
		}
		seen[name] = true
	}
	if seen[AnyInterface] && len(o.Interfaces) > 1 {
		return nil, fmt.Errorf("%q means all interfaces: name it alone", AnyInterface)
	}
	b, err := openLiveBackend(&o)
	if err != nil {
		return nil, err
	}
	return &Live{o: o, names: o.Interfaces, backend: b}, nil
}

// LiveMethod names how this build captures: "AF_PACKET ring", "libpcap", or "" where it cannot.
func LiveMethod() string { return liveMethod }

// Packets yields what is captured until ctx is done, or no interface is left. Packet.Interface is the place of its
// interface in LiveOptions.Interfaces, Packet.File is 0 and Packet.Frame counts the packets. Packets of several
// interfaces come in time order as far as they waited together; the rest is out of order by some 20 ms at most.
//
// At least every Tick a packet comes. One without data and with Length 0 is a tick: until its Time nothing more will
// come. Data lies in the ring and is valid until the next packet is asked for.
//
// An error is yielded without a packet; it concerns one interface, and the others go on.
//
// After a loop that was left early, another call goes on with the next packet.
func (l *Live) Packets(ctx context.Context) iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) {
		stopped := false
		err := l.backend.run(ctx, l.o.Tick, func(p *Packet) bool {
			if p.Length > 0 {
				l.frames++
				p.Frame = l.frames
			}
			stopped = !yield(*p, nil)
			return !stopped
		}, func(err error) bool {
			stopped = !yield(Packet{}, err)
			return !stopped
		})
		if err != nil && !stopped {
			yield(Packet{}, err)
		}
	}
}

// Drops returns what the kernel has counted since OpenLive. It must not be called while a packet is being asked for.
func (l *Live) Drops() (Drops, error) { return l.backend.drops() }

// Interfaces returns the names that Packet.Interface counts in.
func (l *Live) Interfaces() []string { return l.names }

// Name names the capture as a file would be named: "eth0", or "eth0+eth1".
func (l *Live) Name() string { return strings.Join(l.names, "+") }

// Close ends the capture. Packets must not be used any more: their memory is gone.
func (l *Live) Close() error { return l.backend.close() }

// LiveInterface is something to capture on.
type LiveInterface struct {
	Name     string
	Link     LinkType // of its packets as Packets yields them
	Up       bool
	Loopback bool
	Addrs    []netip.Prefix
}
