package capture_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

// order is a byte order that can read and append.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// orders are both.
var orders = []struct {
	name string
	order
}{{"little-endian", binary.LittleEndian}, {"big-endian", binary.BigEndian}}

// pcapHeader is a classic file header.
func pcapHeader(o order, magic uint32, major, minor uint16, snaplen, link uint32) []byte {
	b := o.AppendUint32(nil, magic)
	b = o.AppendUint16(b, major)
	b = o.AppendUint16(b, minor)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(b, snaplen)
	return o.AppendUint32(b, link)
}

// pcapRecord is a classic record; extra stands between its header and the data.
func pcapRecord(o order, sec, frac, length uint32, data, extra []byte) []byte {
	b := o.AppendUint32(nil, sec)
	b = o.AppendUint32(b, frac)
	b = o.AppendUint32(b, uint32(len(data)))
	b = o.AppendUint32(b, length)
	return append(append(b, extra...), data...)
}

// ng builds pcapng blocks.
type ng struct{ order }

func (n ng) block(kind uint32, parts ...[]byte) []byte {
	b := n.AppendUint32(nil, kind)
	b = n.AppendUint32(b, 0)
	for _, p := range parts {
		b = append(b, p...)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	n.PutUint32(b[4:], uint32(len(b)+4))
	return n.AppendUint32(b, uint32(len(b)+4))
}

func (n ng) u16(v ...uint16) (b []byte) {
	for _, v := range v {
		b = n.AppendUint16(b, v)
	}
	return b
}

func (n ng) u32(v ...uint32) (b []byte) {
	for _, v := range v {
		b = n.AppendUint32(b, v)
	}
	return b
}

func (n ng) option(code uint16, v []byte) []byte {
	b := append(n.u16(code, uint16(len(v))), v...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func (n ng) section(options ...[]byte) []byte {
	return n.block(0x0a0d0d0a, append([][]byte{n.u32(0x1a2b3c4d), n.u16(1, 0), n.u32(0xffffffff, 0xffffffff)}, options...)...)
}

func (n ng) iface(link uint16, snaplen uint32, options ...[]byte) []byte {
	return n.block(1, append([][]byte{n.u16(link, 0), n.u32(snaplen)}, options...)...)
}

func (n ng) enhanced(iface uint32, stamp uint64, length uint32, data string, options ...[]byte) []byte {
	padded := []byte(data)
	for len(padded)%4 != 0 {
		padded = append(padded, 0)
	}
	return n.block(6, append([][]byte{n.u32(iface, uint32(stamp>>32), uint32(stamp), uint32(len(data)), length), padded}, options...)...)
}

// join concatenates.
func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// write puts a file into the test's folder.
func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// smallPcap is a classic pcap with packets at the given nanoseconds, each with its number as data.
func smallPcap(times ...int64) []byte {
	b := pcapHeader(binary.LittleEndian, 0xa1b23c4d, 2, 4, 65535, 1)
	for i, at := range times {
		b = append(b, pcapRecord(binary.LittleEndian, uint32(at/1e9), uint32(at%1e9), 1, []byte{byte(i + 1)}, nil)...)
	}
	return b
}

// packet is short for what the tests compare.
func packet(frame int64, at capture.Time, link capture.LinkType, length int, data string) capture.Packet {
	return capture.Packet{Time: at, Frame: frame, Link: link, Length: length, Data: []byte(data)}
}
