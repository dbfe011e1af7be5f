package scenario

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// connOptions is how a connection's two kernels and the path between them behave. Pairs are client, server.
type connOptions struct {
	rtt          time.Duration
	isn          [2]uint32
	isnSet       bool
	ttl          [2]int
	mss          [2]int
	window       [2]int // bytes
	ackDelay     [2]time.Duration
	midstream    bool
	noTimestamps bool
	noIPID       bool
	gso          bool
}

// defaultOptions are those of two hosts in one data centre. The client delays acknowledgements as Linux does in an
// interactive session; the server's kernel answers before a stalled process would.
func defaultOptions() connOptions {
	return connOptions{
		rtt:      200 * time.Microsecond,
		ttl:      [2]int{64, 64},
		mss:      [2]int{1460, 1460},
		window:   [2]int{65535 << windowScale, 65535 << windowScale},
		ackDelay: [2]time.Duration{40 * time.Millisecond, 100 * time.Microsecond},
	}
}

// windowScale is the shift count of RFC 7323 that every SYN offers. With it a window holds the largest filler that a
// scenario sensibly sends at once, so that no sender waits.
const windowScale = 10

// set reads one option: key=value, or key alone.
func (o *connOptions) set(key, value string) error {
	bad := fmt.Errorf("%s: %q is no proper value", key, value)
	switch key {
	case "midstream":
		o.midstream = true
	case "notimestamps":
		o.noTimestamps = true
	case "noipid":
		o.noIPID = true
	case "gso":
		o.gso = true
	case "rtt":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return bad
		}
		o.rtt = d
	case "acks":
		for i, v := range both(value) {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 {
				return bad
			}
			o.ackDelay[i] = d
		}
	case "isn":
		for i, v := range both(value) {
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return bad
			}
			o.isn[i] = uint32(n)
		}
		o.isnSet = true
	case "ttl", "mss", "window":
		limits := map[string]struct {
			to       *[2]int
			min, max int
		}{"ttl": {&o.ttl, 1, 255}, "mss": {&o.mss, 64, 65000}, "window": {&o.window, 0, 65535 << windowScale}}[key]
		for i, v := range both(value) {
			n, err := strconv.Atoi(v)
			if err != nil || n < limits.min || n > limits.max {
				return bad
			}
			limits.to[i] = n
		}
	default:
		return fmt.Errorf("unknown option %q", key)
	}
	if value != "" && (key == "midstream" || key == "notimestamps" || key == "noipid" || key == "gso") {
		return fmt.Errorf("%s takes no value", key)
	}
	return nil
}

// both splits client/server; one value stands for both.
func both(value string) [2]string {
	a, b, ok := strings.Cut(value, "/")
	if !ok {
		b = a
	}
	return [2]string{a, b}
}

// connection is a declared connection.
type connection struct {
	connOptions
	name     string
	number   int
	ends     [2]netip.AddrPort
	commands int

	used     bool // a statement has named it
	synSeen  bool // one of them was SYN
	lastAt   time.Duration
	lastFrom side
	firstAt  time.Duration
}

// segmentSize is the largest payload of one segment from a side.
func (c *connection) segmentSize(from side) int {
	n := min(c.mss[from], c.mss[from.other()])
	if !c.noTimestamps {
		n -= timestampLength
	}
	if c.gso {
		n *= max(1, 64000/n)
	}
	return n
}

// conn declares a connection: NAME CLIENT:PORT -> SERVER:PORT OPTION...
func (p *parser) conn(args []string) {
	if len(args) < 4 || args[2] != "->" {
		p.fail("conn NAME CLIENT:PORT -> SERVER:PORT [OPTION...]")
		return
	}
	name := args[0]
	if _, ok := p.byName[name]; ok {
		p.fail("connection %s is declared twice", name)
		return
	}
	c := &connection{name: name, connOptions: p.defaults}
	for i, text := range []string{args[1], args[3]} {
		end, err := p.hosts.endpoint(text)
		if err != nil {
			p.fail("%v", err)
			return
		}
		c.ends[i] = end
	}
	if c.ends[0].Addr().Is4() != c.ends[1].Addr().Is4() {
		p.fail("one end is IPv4, the other IPv6")
		return
	}
	for _, a := range args[4:] {
		key, value, _ := strings.Cut(a, "=")
		if err := c.set(key, value); err != nil {
			p.fail("%v", err)
			return
		}
	}
	c.number = len(p.s.conns)
	p.byName[name] = c
	p.s.conns = append(p.s.conns, c)
}

// hosts are the addresses of names that host statements declare.
type hosts map[string]netip.Addr

// endpoint reads 10.0.0.1:6379, [::1]:6379 or name:6379.
func (h hosts) endpoint(text string) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), nil
	}
	host, port, ok := strings.Cut(text, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not HOST:PORT", text)
	}
	a, ok := h[host]
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("host %q is not declared", host)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}
