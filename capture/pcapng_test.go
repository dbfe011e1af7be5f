package capture_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
)

// TestPcapngBlocks reads every block that matters, twice: sections of both byte orders in one file.
func TestPcapngBlocks(t *testing.T) {
	var file []byte
	var want []capture.Packet
	var interfaces []capture.Interface
	for i, o := range orders {
		n := ng{o.order}
		file = join(file,
			n.section(n.option(1, []byte("section comment")), n.option(0, nil)),
			n.iface(1, 0, n.option(2, []byte("eth0")), n.option(1, []byte("on an interface")), n.option(0, nil)),
			n.block(4, n.u32(0)),        // name resolution
			n.block(0x0a, n.u32(1, 0)),  // decryption secrets
			n.block(0xbad, n.u32(1, 0)), // custom
			n.enhanced(0, 1_000_000, 3, "abc"),
			n.iface(276, 2, n.option(9, []byte{9}), n.option(14, n.AppendUint64(nil, 100))),
			n.enhanced(1, 5, 60, "xyz", n.option(1, []byte("look here")), n.option(4, n.AppendUint64(nil, 3)), n.option(0, nil)),
			n.block(3, n.u32(9), []byte("simple  ?")),
			n.block(2, n.u16(1, 4), n.u32(0, 6, 2, 2), []byte("pb")),
			n.block(5, n.u32(1, 0, 0), n.option(4, n.AppendUint64(nil, 1000)), n.option(5, n.AppendUint64(nil, 7)),
				n.option(7, n.AppendUint64(nil, 2)), n.option(0, nil)),
			n.block(5, n.u32(1, 0, 0), n.option(4, n.AppendUint64(nil, 2000)), n.option(5, n.AppendUint64(nil, 8)),
				n.option(7, n.AppendUint64(nil, 20)), n.option(8, n.AppendUint64(nil, math.MaxUint64))),
		)
		frame := int64(4 * i)
		shifted := packet(frame+2, 100e9+5, 276, 60, "xyz")
		old := packet(frame+4, 100e9+6, 276, 2, "pb")
		shifted.Interface, old.Interface = 1, 1
		want = append(want, packet(frame+1, 1e9, 1, 3, "abc"), shifted, packet(frame+3, 100e9+5, 1, 9, "simple  ?"), old)
		interfaces = append(interfaces,
			capture.Interface{Section: i + 1, Name: "eth0", Link: 1},
			capture.Interface{Section: i + 1, Number: 1, Link: 276, Snaplen: 2,
				Drops: capture.Drops{Known: true, Received: 2000, Interface: 8, Kernel: 20}})
	}
	got, info, errs := read(t, file)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(interfaces, info.Interfaces); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	// The packets' own counts (2 times 3 and 4) are of the same losses as the statistics.
	if diff := cmp.Diff(capture.Drops{Known: true, Received: 4000, Interface: 16, Kernel: 40}, info.Drops); diff != "" {
		t.Errorf("drops (-want +got):\n%s", diff)
	}
	if info.Comments != 6 || info.Comment != "section comment" {
		t.Errorf("%d comments, first %q", info.Comments, info.Comment)
	}
	if diff := cmp.Diff([]capture.LinkType{1, 276}, info.LinkTypes); diff != "" {
		t.Errorf("link types (-want +got):\n%s", diff)
	}
}

func TestPcapngDropCountOfPackets(t *testing.T) {
	n := ng{binary.LittleEndian}
	_, info, errs := read(t, join(n.section(), n.iface(1, 0),
		n.enhanced(0, 1, 1, "a", n.option(4, n.AppendUint64(nil, 3))),
		n.enhanced(0, 2, 1, "b", n.option(4, n.AppendUint64(nil, 5)))))
	if len(errs) > 0 || info.Drops != (capture.Drops{Known: true, Kernel: 8}) {
		t.Errorf("drops %+v, errors %v", info.Drops, errs)
	}
}

func TestPcapngClock(t *testing.T) {
	for _, tt := range []struct {
		name       string
		resolution byte
		offset     int64
		stamp      uint64
		want       capture.Time
	}{
		{"seconds", 0, 0, 1_558_833_384, 1_558_833_384e9},
		{"milliseconds", 3, 0, 1500, 1_500_000_000},
		{"microseconds", 6, 0, 1_558_833_384_508_718, 1_558_833_384_508_718_000},
		{"nanoseconds", 9, 0, 1_558_833_384_508_718_123, 1_558_833_384_508_718_123},
		{"picoseconds", 12, 0, 1_234_567, 1234},
		{"10^-28", 28, 0, math.MaxUint64, 1},
		{"finer than 64 bits", 29, 0, math.MaxUint64, 0},
		{"10^-127", 127, 0, math.MaxUint64, 0},
		{"2^0", 0x80, 0, 3, 3e9},
		{"2^-1", 0x81, 0, 3, 1_500_000_000},
		{"2^-32", 0xa0, 0, 1<<33 + 1<<31, 2_500_000_000},
		{"2^-64", 0xc0, 0, 1 << 63, 500_000_000},
		{"2^-127", 255, 0, math.MaxUint64, 0},
		{"too late", 0, 0, math.MaxUint64, math.MaxInt64},
		{"2^0 too late", 0x80, 0, math.MaxUint64, math.MaxInt64},
		{"2^-3 far too late", 0x83, 0, 1 << 60, math.MaxInt64},
		{"2^-3 too late", 0x83, 0, math.MaxUint64, math.MaxInt64},
		{"offset", 6, 1_000_000_000, 5, 1_000_000_000e9 + 5000},
		{"offset back", 6, -1, 5, -1e9 + 5000},
		{"offset too late", 6, math.MaxInt64, 5, math.MaxInt64},
		{"offset too early", 6, math.MinInt64, 5, math.MinInt64 + 5000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := ng{binary.LittleEndian}
			got, _, errs := read(t, join(n.section(), n.iface(1, 0, n.option(9, []byte{tt.resolution}),
				n.option(14, n.AppendUint64(nil, uint64(tt.offset)))), n.enhanced(0, tt.stamp, 1, "a")))
			if len(errs) > 0 || len(got) != 1 || got[0].Time != tt.want {
				t.Errorf("packets %+v, want time %d; errors %v", got, tt.want, errs)
			}
		})
	}
}

func TestPcapngHostile(t *testing.T) {
	n := ng{binary.LittleEndian}
	head := join(n.section(), n.iface(1, 0))
	one := n.enhanced(0, 1, 3, "abc")
	sized := func(b []byte, size uint32) []byte {
		b = append([]byte(nil), b...)
		n.PutUint32(b[4:], size)
		return b
	}
	for _, tt := range []struct {
		name    string
		file    []byte
		packets int
		want    error  // that the error must be, nil for any
		msg     string // that it contains
	}{
		{"4 GB packet block", join(head, one, sized(one, 0xfffffffc)), 1, capture.ErrLimit, "over the limit"},
		{"4 GB unknown block", join(head, one, sized(n.block(99, n.u32(1)), 0xfffffffc)), 1, capture.ErrCut, "cut off"},
		{"zero length", join(head, one, sized(one, 0)), 1, nil, "block length 0"},
		{"odd length", join(head, one, sized(one, 37)), 1, nil, "block length 37"},
		{"second length differs", join(head, one, n.u32(6, 12, 16)), 1, nil, "before and 16 behind"},
		{"packet before its interface", join(n.section(), one, n.iface(1, 0), one), 1, nil, "interface 0"},
		{"packet longer than its block", join(head, n.block(6, n.u32(0, 0, 1, 100, 100)), one), 1, nil, "100 bytes in a block"},
		{"negative packet length", join(head, n.block(6, n.u32(0, 0, 1, 0xffffffff, 1)), one), 1, nil, "in a block"},
		{"several bad blocks are one error", join(head, n.block(6), n.block(6), n.block(5), one, n.block(3)), 1, nil, "too short"},
		{"empty packet block", join(head, n.block(6), one), 1, nil, "too short"},
		{"empty simple block", join(head, n.block(3), one), 1, nil, "without a length"},
		{"empty interface", join(n.section(), n.block(1), n.enhanced(0, 1, 1, "x")), 1, nil, "too short"},
		{"empty statistics", join(head, n.block(5), one), 1, nil, "too short"},
		{"statistics of nobody", join(head, n.block(5, n.u32(9, 0, 0)), one), 1, nil, "statistics"},
		{"option longer than the block", join(head, n.enhanced(0, 1, 3, "abc", n.u16(1, 0xffff), n.u32(0))), 1, nil, ""},
		{"options without end", join(head, n.enhanced(0, 1, 3, "abc", []byte(strings.Repeat("\x07\x00\x00\x00", 1<<16)))), 1, nil, ""},
		{"no section", join(n.section()[:4], n.u32(28, 0xdeadbeef)), 0, nil, "byte-order magic"},
		{"major version 2", n.block(0x0a0d0d0a, n.u32(0x1a2b3c4d), n.u16(2, 0), n.u32(0, 0)), 0, nil, "version"},
		{"short section header", join(n.block(0x0a0d0d0a, n.u32(0x1a2b3c4d)), n.iface(1, 0), one), 1, nil, "too short"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, errs := read(t, tt.file)
			if len(got) != tt.packets {
				t.Errorf("%d packets, want %d", len(got), tt.packets)
			}
			if tt.msg == "" {
				if len(errs) > 0 {
					t.Errorf("errors %v", errs)
				}
				return
			}
			if len(errs) != 1 || tt.want != nil && !errors.Is(errs[0], tt.want) || !strings.Contains(errs[0].Error(), tt.msg) {
				t.Errorf("errors %v, want one of %q", errs, tt.msg)
			}
		})
	}
}

func TestPcapngInterfaceCap(t *testing.T) {
	n := ng{binary.LittleEndian}
	file := n.section()
	for range 65536 {
		file = append(file, n.iface(1, 0)...)
	}
	file = append(file, n.enhanced(65535, 1, 1, "a")...)
	got, info, errs := read(t, append(file, n.iface(1, 0)...))
	if len(got) != 1 || got[0].Interface != 65535 || len(errs) != 1 || !errors.Is(errs[0], capture.ErrLimit) {
		t.Errorf("%d packets, errors %v", len(got), errs)
	}
	if len(info.Interfaces) != 65536 {
		t.Errorf("%d interfaces", len(info.Interfaces))
	}
}
