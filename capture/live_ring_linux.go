//go:build linux && !libpcap

package capture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	liveMethod = "AF_PACKET ring"
	liveAny    = true
)

// The types of interfaces (linux/if_arp.h) whose packets begin with an Ethernet header.
const (
	arphrdEther    = 1
	arphrdLoopback = 772
)

// linkOf returns how the packets of an interface begin: with an Ethernet header, or, as all others are captured, with
// their IP header.
func linkOf(name string) LinkType {
	if t, err := hardwareType(name); err == nil && (t == arphrdEther || t == arphrdLoopback) {
		return LinkEthernet
	}
	return LinkRaw
}

func hardwareType(name string) (int, error) {
	if name == AnyInterface || strings.ContainsAny(name, "/\x00") {
		return 0, fs.ErrNotExist
	}
	b, err := os.ReadFile("/sys/class/net/" + name + "/type")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// rings captures with one AF_PACKET socket and TPACKET_V3 ring for each interface
// (https://docs.kernel.org/networking/packet_mmap.html).
type rings struct {
	list []*ring
}

func openLiveBackend(o *LiveOptions) (liveBackend, error) {
	if o.Expression != "" {
		return nil, fmt.Errorf("filter %q: %w: the language of pcap-filter needs a build with -tags libpcap; ports and hosts can be given without",
			o.Expression, ErrUnsupported)
	}
	b := &rings{}
	for i, name := range o.Interfaces {
		r, err := openRing(name, int32(i), o)
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
		b.list = append(b.list, r)
	}
	return b, nil
}

// lag is how far a tick stays behind the wall clock: a packet that came in since may still lie in a block that the
// kernel has not handed over.
const lag = 3 * retire

// run takes packets from the rings, the oldest first.
func (b *rings) run(ctx context.Context, tick time.Duration, yield func(*Packet) bool, fail func(error) bool) error {
	var p Packet
	var latest Time
	polls := make([]unix.PollFd, len(b.list))
	ticked := time.Now()
	for {
		if ctx.Err() != nil {
			return nil
		}
		for n := 0; n < burst; n++ {
			var oldest *ring
			for _, r := range b.list {
				if r.left == 0 && !r.load() {
					continue
				}
				if oldest == nil || r.time < oldest.time {
					oldest = r
				}
			}
			if oldest == nil {
				break
			}
			oldest.packet(&p)
			latest = max(latest, p.Time)
			more := yield(&p)
			if oldest.advance(); !more {
				return nil
			}
		}
		now := time.Now()
		if now.Sub(ticked) >= tick {
			ticked = now
			latest = max(latest, TimeOf(now.Add(-lag)))
			if b.waiting() {
				continue // waiting packets show what time it is
			}
			if p = (Packet{Time: latest}); !yield(&p) {
				return nil
			}
		}
		if b.waiting() {
			continue
		}
		if more, err := b.poll(polls, tick, fail); err != nil || !more {
			return err
		}
	}
}

// burst is how many packets are taken between two looks at the context and the clock.
const burst = 1 << 12

func (b *rings) waiting() bool {
	for _, r := range b.list {
		if r.left > 0 || r.ready() {
			return true
		}
	}
	return false
}

// poll sleeps until a block is full or timed out. It reports interfaces that went away, and fails without any left; it
// is false when the caller has stopped.
func (b *rings) poll(polls []unix.PollFd, tick time.Duration, fail func(error) bool) (bool, error) {
	alive := 0
	for i, r := range b.list {
		polls[i] = unix.PollFd{Fd: int32(r.fd), Events: unix.POLLIN}
		if r.gone {
			polls[i].Fd = -1
		} else {
			alive++
		}
	}
	if alive == 0 {
		return false, ErrNoInterface
	}
	_, err := unix.Poll(polls, int(max(tick.Milliseconds(), 1)))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("poll: %w", err)
	}
	for i, r := range b.list {
		if polls[i].Revents&unix.POLLERR == 0 {
			continue
		}
		errno, _ := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if errno == 0 {
			continue
		}
		_, err := net.InterfaceByName(r.name)
		r.gone = err != nil && r.name != AnyInterface // a device that is only down may come up again
		if !fail(fmt.Errorf("%s: %w", r.name, unix.Errno(errno))) {
			return false, nil
		}
	}
	return true, nil
}

func (b *rings) drops() (Drops, error) {
	d := Drops{Known: true}
	var failed error
	for _, r := range b.list {
		failed = errors.Join(failed, r.count())
		d.add(r.dropped)
	}
	return d, failed
}

func (b *rings) close() error {
	var failed error
	for _, r := range b.list {
		failed = errors.Join(failed, r.close())
	}
	b.list = nil
	return failed
}
