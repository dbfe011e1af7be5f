//go:build libpcap || (cgo && (darwin || dragonfly || freebsd || netbsd || openbsd))

package capture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"time"

	"github.com/google/gopacket/pcap"
)

const (
	liveMethod = "libpcap"
	liveAny    = runtime.GOOS == "linux" // elsewhere libpcap has no such device, or one of headers that are not read here
)

// linkOf guesses by the name: it does not know before the device is open.
func linkOf(name string) LinkType {
	switch {
	case name == AnyInterface:
		return LinkSLL
	case runtime.GOOS == "linux" || !strings.HasPrefix(name, "lo") && !strings.HasPrefix(name, "utun"):
		return LinkEthernet
	case runtime.GOOS == "openbsd":
		return LinkLoop
	}
	return LinkNull
}

// linkOfDLT converts what libpcap calls a data link type, whose numbers are the system's, to the one that files have:
// they differ for the loopback interface of OpenBSD (https://www.tcpdump.org/linktypes.html).
func linkOfDLT(dlt int, system string) LinkType {
	const openBSDLoop = 12 // DLT_RAW of all others
	if dlt == openBSDLoop && system == "openbsd" {
		return LinkLoop
	}
	return LinkType(dlt)
}

// pcaps captures with libpcap.
type pcaps struct {
	list []*pcapHandle
}

type pcapHandle struct {
	*pcap.Handle
	name string
	link LinkType
	gone bool
}

// pcapWait is how long libpcap collects packets before it hands them over, and the longest wait for one.
const pcapWait = 20 * time.Millisecond

func openLiveBackend(o *LiveOptions) (liveBackend, error) {
	b := &pcaps{}
	for _, name := range o.Interfaces {
		h, err := openPcap(name, o)
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
		b.list = append(b.list, h)
	}
	return b, nil
}

func openPcap(name string, o *LiveOptions) (*pcapHandle, error) {
	if name == AnyInterface && !liveAny {
		return nil, fmt.Errorf("all interfaces at once: %w: name one, or several, of those that 'respsniff interfaces' lists", ErrUnsupported)
	}
	in, err := pcap.NewInactiveHandle(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer in.CleanUp()
	err = errors.Join(in.SetSnapLen(o.Snaplen), in.SetPromisc(o.Promiscuous && name != AnyInterface), in.SetTimeout(pcapWait), in.SetBufferSize(o.Buffer))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	h, err := in.Activate()
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "ermission") || strings.Contains(err.Error(), "not permitted"):
		return nil, fmt.Errorf("%s: %w: %w", name, ErrRights, err)
	case strings.EqualFold(err.Error(), "no such device"), strings.Contains(err.Error(), "No such device exists"):
		return nil, fmt.Errorf("%s: no such interface: %w", name, fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	expression := o.Expression
	if expression == "" {
		expression = o.Filter.expression(linkOfDLT(int(h.LinkType()), runtime.GOOS) == LinkEthernet)
	}
	if expression != "" {
		if err := h.SetBPFFilter(expression); err != nil {
			h.Close()
			return nil, fmt.Errorf("%s: filter %q: %w", name, expression, err)
		}
	}
	return &pcapHandle{Handle: h, name: name, link: linkOfDLT(int(h.LinkType()), runtime.GOOS)}, nil
}

// expression gives the filter in the language of pcap-filter(7), with what cannot be decided from the first headers, and, of
// Ethernet, behind one tag or two.
func (f *LiveFilter) expression(ethernet bool) string {
	if f.IsZero() {
		return ""
	}
	bare := "(" + f.String() + ") or (ip and ip[6:2] & 0x1fff != 0) or (ip6 and (ip6[6] == 0 or ip6[6] == 43 or ip6[6] == 44 or ip6[6] == 60))"
	if !ethernet {
		return bare
	}
	// Each vlan moves what stands behind it by a tag.
	return bare + " or (vlan and (" + bare + " or (vlan and (" + bare + "))))"
}

// turn is how many packets of one interface are read before the next has its turn.
const turn = 256

func (b *pcaps) run(ctx context.Context, tick time.Duration, yield func(*Packet) bool, fail func(error) bool) error {
	var p Packet
	var latest Time
	ticked := time.Now()
	for ctx.Err() == nil {
		alive, idle := 0, true
		for i, h := range b.list {
			if h.gone {
				continue
			}
			alive++
			for range turn {
				data, info, err := h.ZeroCopyReadPacketData()
				if errors.Is(err, pcap.NextErrorTimeoutExpired) {
					break
				}
				if err != nil {
					h.gone = true
					if !fail(fmt.Errorf("%s: %w", h.name, err)) {
						return nil
					}
					break
				}
				idle = false
				p = Packet{Time: TimeOf(info.Timestamp), Interface: int32(i), Link: h.link, Length: info.Length, Data: data}
				latest = max(latest, p.Time)
				if !yield(&p) {
					return nil
				}
			}
		}
		if alive == 0 {
			return ErrNoInterface
		}
		if now := time.Now(); idle && now.Sub(ticked) >= tick {
			ticked = now
			latest = max(latest, TimeOf(now.Add(-time.Duration(1+len(b.list))*2*pcapWait)))
			if p = (Packet{Time: latest}); !yield(&p) {
				return nil
			}
		}
	}
	return nil
}

func (b *pcaps) drops() (Drops, error) {
	d := Drops{Known: true}
	var failed error
	for _, h := range b.list {
		s, err := h.Stats()
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: statistics: %w", h.name, err))
			continue
		}
		d.add(Drops{Known: true, Received: int64(s.PacketsReceived), Kernel: int64(s.PacketsDropped), Interface: int64(s.PacketsIfDropped)})
	}
	return d, failed
}

func (b *pcaps) close() error {
	for _, h := range b.list {
		h.Close()
	}
	b.list = nil
	return nil
}
