package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/bpf"
)

// LiveFilter chooses packets in the kernel: TCP from or to one of the ports, and from or to one of the hosts. An empty
// list chooses all; with both empty, every IP packet passes. What cannot be decided from the first headers passes:
// fragments after the first, which have no ports, and IPv6 with extension headers.
type LiveFilter struct {
	Ports []uint16
	Hosts []netip.Prefix
}

// IsZero reports whether every IP packet passes.
func (f *LiveFilter) IsZero() bool { return len(f.Ports) == 0 && len(f.Hosts) == 0 }

// String gives the filter in the language of pcap-filter(7).
func (f *LiveFilter) String() string {
	var all []string
	if !f.IsZero() {
		all = append(all, "tcp")
	}
	var words []string
	for _, p := range f.Ports {
		words = append(words, fmt.Sprintf("port %d", p))
	}
	all = appendAny(all, words)
	words = nil
	for _, h := range f.Hosts {
		if h.IsSingleIP() {
			words = append(words, "host "+h.Addr().String())
		} else {
			words = append(words, "net "+h.Masked().String())
		}
	}
	return strings.Join(appendAny(all, words), " and ")
}

func appendAny(all, words []string) []string {
	if len(words) == 0 {
		return all
	}
	return append(all, "("+strings.Join(words, " or ")+")")
}

// Numbers of the headers that a filter looks at.
const (
	etherSize  = 14
	vlanSize   = 4
	ipv6Size   = 40
	protoTCP   = 6
	protoHop   = 0 // IPv6 extension headers (RFC 8200 section 4)
	protoRoute = 43
	protoFrag  = 44
	protoDest  = 60

	pktOutgoing = 4 // PACKET_OUTGOING of linux/if_packet.h

	// maxFilter is BPF_MAXINSNS, the longest program that Linux takes.
	maxFilter = 4096
)

// filterCode is a program under construction. Tests jump to labels, which are resolved at the end.
type filterCode struct {
	code   []bpf.Instruction
	jumps  map[int]string // instruction that jumps, unconditionally
	labels map[string]int
}

func (c *filterCode) add(i ...bpf.Instruction) { c.code = append(c.code, i...) }

func (c *filterCode) label(name string) { c.labels[name] = len(c.code) }

func (c *filterCode) jump(label string) {
	c.jumps[len(c.code)] = label
	c.add(bpf.Jump{})
}

// when jumps to label if the accumulator compares so with v. Far jumps need an instruction of their own: a
// conditional one reaches 255 further.
func (c *filterCode) when(test bpf.JumpTest, v uint32, label string) {
	c.add(bpf.JumpIf{Cond: test, Val: v, SkipFalse: 1})
	c.jump(label)
}

// program makes the filter for packets that begin with an Ethernet header, or, where cooked is set, with their IP
// header. loopback is the index of the interface whose outgoing packets are left out, because they come in again; 0 for
// none.
func (f *LiveFilter) program(cooked bool, snaplen, loopback int) ([]bpf.RawInstruction, error) {
	code, err := f.compile(cooked, snaplen, loopback)
	if err != nil {
		return nil, err
	}
	return bpf.Assemble(code)
}

func (f *LiveFilter) compile(cooked bool, snaplen, loopback int) ([]bpf.Instruction, error) {
	c := &filterCode{jumps: map[int]string{}, labels: map[string]int{}}
	if loopback > 0 {
		c.add(bpf.LoadExtension{Num: bpf.ExtInterfaceIndex})
		c.when(bpf.JumpNotEqual, uint32(loopback), "ether")
		c.add(bpf.LoadExtension{Num: bpf.ExtType})
		c.when(bpf.JumpEqual, pktOutgoing, "reject")
	}
	c.label("ether")
	if cooked {
		c.add(bpf.LoadExtension{Num: bpf.ExtProto})
		c.when(bpf.JumpEqual, etherIPv4, "4at0")
		c.when(bpf.JumpEqual, etherIPv6, "6at0")
		c.jump("reject")
		f.ip(c, 0)
	} else {
		c.add(bpf.LoadAbsolute{Off: 12, Size: 2})
		c.when(bpf.JumpEqual, etherIPv4, "4at14")
		c.when(bpf.JumpEqual, etherIPv6, "6at14")
		c.when(bpf.JumpEqual, etherVLAN, "vlan")
		c.when(bpf.JumpEqual, etherQinQ, "vlan")
		c.jump("reject")
		c.label("vlan")
		c.add(bpf.LoadAbsolute{Off: etherSize + 2, Size: 2})
		c.when(bpf.JumpEqual, etherIPv4, "4at18")
		c.when(bpf.JumpEqual, etherIPv6, "6at18")
		c.when(bpf.JumpEqual, etherVLAN, "accept") // more tags
		c.jump("reject")
		f.ip(c, etherSize)
		f.ip(c, etherSize+vlanSize)
	}
	c.label("accept")
	c.add(bpf.RetConstant{Val: uint32(snaplen)})
	c.label("reject")
	c.add(bpf.RetConstant{Val: 0})
	for at, label := range c.jumps {
		c.code[at] = bpf.Jump{Skip: uint32(c.labels[label] - at - 1)}
	}
	if len(c.code) > maxFilter {
		return nil, fmt.Errorf("filter of %d instructions: %w of %d; name fewer ports and hosts", len(c.code), ErrLimit, maxFilter)
	}
	return c.code, nil
}

// ip adds the tests of an IP header at offset o, for both versions.
func (f *LiveFilter) ip(c *filterCode, o uint32) {
	four, six := fmt.Sprintf("4at%d", o), fmt.Sprintf("6at%d", o)
	c.label(four)
	if f.IsZero() {
		c.jump("accept")
		c.label(six)
		c.jump("accept")
		return
	}
	c.add(bpf.LoadAbsolute{Off: o + 9, Size: 1})
	c.when(bpf.JumpNotEqual, protoTCP, "reject")
	f.hosts(c, o+12, o+16, true, four+"host")
	if len(f.Ports) > 0 {
		c.add(bpf.LoadAbsolute{Off: o + 6, Size: 2}, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipFalse: 1})
		c.jump("accept")
		c.add(bpf.LoadMemShift{Off: o}) // X = length of the header
		for _, at := range []uint32{o, o + 2} {
			c.add(bpf.LoadIndirect{Off: at, Size: 2})
			for _, p := range f.Ports {
				c.when(bpf.JumpEqual, uint32(p), "accept")
			}
		}
		c.jump("reject")
	} else {
		c.jump("accept")
	}

	c.label(six)
	f.hosts(c, o+8, o+24, false, six+"host")
	c.add(bpf.LoadAbsolute{Off: o + 6, Size: 1})
	for _, next := range []uint32{protoHop, protoRoute, protoFrag, protoDest} {
		c.when(bpf.JumpEqual, next, "accept")
	}
	c.when(bpf.JumpNotEqual, protoTCP, "reject")
	if len(f.Ports) == 0 {
		c.jump("accept")
		return
	}
	for _, at := range []uint32{o + ipv6Size, o + ipv6Size + 2} {
		c.add(bpf.LoadAbsolute{Off: at, Size: 2})
		for _, p := range f.Ports {
			c.when(bpf.JumpEqual, uint32(p), "accept")
		}
	}
	c.jump("reject")
}

// hosts rejects unless one of the two addresses is wanted; prefix makes its labels unique.
func (f *LiveFilter) hosts(c *filterCode, source, destination uint32, four bool, prefix string) {
	if len(f.Hosts) == 0 {
		return
	}
	n := 0
	for _, h := range f.Hosts {
		if h.Addr().Is4() != four {
			continue
		}
		addr := h.Masked().Addr().AsSlice()
		for _, at := range []uint32{source, destination} {
			n++
			next := fmt.Sprintf("%s%d", prefix, n)
			for bits, i := h.Bits(), 0; bits > 0; bits, i = bits-32, i+4 {
				mask := ^uint32(0)
				if bits < 32 {
					mask <<= 32 - bits
				}
				c.add(bpf.LoadAbsolute{Off: at + uint32(i), Size: 4}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
				c.when(bpf.JumpNotEqual, binary.BigEndian.Uint32(addr[i:]), next)
			}
			c.jump(prefix)
			c.label(next)
		}
	}
	c.jump("reject")
	c.label(prefix)
}
