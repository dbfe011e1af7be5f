package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
)

// read gives what a stream on standard input holds; an error of Open counts as one of the stream.
func read(t testing.TB, data []byte) ([]capture.Packet, capture.FileInfo, []error) {
	t.Helper()
	s, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(data), MaxDecompressed: 1 << 26})
	if err != nil {
		return nil, capture.FileInfo{}, []error{err}
	}
	defer s.Close()
	var packets []capture.Packet
	var errs []error
	for p, err := range s.Packets() {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.Data = bytes.Clone(p.Data)
		packets = append(packets, p)
	}
	return packets, s.Files()[0], errs
}

func TestPcapKinds(t *testing.T) {
	const sec = 1_558_833_384
	at := func(ns int64) capture.Time { return capture.Time(sec*1_000_000_000 + ns) }
	for _, tt := range []struct {
		name  string
		magic uint32
		minor uint16
		link  uint32
		extra []byte
		want  capture.Packet
	}{
		{"microseconds", 0xa1b2c3d4, 4, 1, nil, packet(1, at(508_718_000), 1, 9, "abc")},
		{"nanoseconds", 0xa1b23c4d, 4, 276, nil, packet(1, at(508_718), 276, 9, "abc")},
		{"modified", 0xa1b2cd34, 4, 113, make([]byte, 8), packet(1, at(508_718_000), 113, 9, "abc")},
		{"link type with FCS length", 0xa1b2c3d4, 4, 0x24000001, nil, packet(1, at(508_718_000), 1, 9, "abc")},
	} {
		for _, o := range orders {
			t.Run(tt.name+" "+o.name, func(t *testing.T) {
				b := pcapHeader(o, tt.magic, 2, tt.minor, 96, tt.link)
				b = append(b, pcapRecord(o, sec, 508_718, 9, []byte("abc"), tt.extra)...)
				b = append(b, pcapRecord(o, sec, 508_718, 0, nil, tt.extra)...)
				got, info, errs := read(t, b)
				if len(errs) > 0 {
					t.Fatal(errs)
				}
				second := tt.want
				second.Frame, second.Length, second.Data = 2, 0, []byte{}
				if diff := cmp.Diff([]capture.Packet{tt.want, second}, got); diff != "" {
					t.Errorf("packets (-want +got):\n%s", diff)
				}
				if info.Format != "pcap" || info.Snaplen != 96 || info.Packets != 2 || info.Truncated != 1 ||
					info.First != tt.want.Time || info.Last != tt.want.Time {
					t.Errorf("info %+v", info)
				}
			})
		}
	}
}

// TestPcapSwappedLengths reads files of libpcap before 0.5.
func TestPcapSwappedLengths(t *testing.T) {
	for _, minor := range []uint16{2, 3} {
		b := pcapHeader(binary.LittleEndian, 0xa1b2c3d4, 2, minor, 96, 1)
		record := pcapRecord(binary.LittleEndian, 1, 0, 3, []byte("abc"), nil)
		binary.LittleEndian.PutUint32(record[8:], 9)
		got, _, errs := read(t, append(b, record...))
		if len(errs) > 0 || len(got) != 1 || got[0].Length != 9 || string(got[0].Data) != "abc" {
			t.Errorf("version 2.%d: %+v, errors %v", minor, got, errs)
		}
	}
}

// TestCutEverywhere cuts a file of each kind after every byte: what is whole before the cut is delivered, a cut between
// records is a clean end, and any other one is reported, with the frame and the offset at which it stands.
func TestCutEverywhere(t *testing.T) {
	le := ng{binary.LittleEndian}
	for _, tt := range []struct {
		name    string
		records [][]byte // the first is the file header
		packet  []bool
	}{
		{"pcap", [][]byte{
			pcapHeader(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 96, 1),
			pcapRecord(binary.LittleEndian, 1, 0, 3, []byte("abc"), nil),
			pcapRecord(binary.LittleEndian, 2, 0, 5, []byte("defgh"), nil),
		}, []bool{false, true, true}},
		{"pcapng", [][]byte{
			le.section(le.option(1, []byte("hello"))),
			le.iface(1, 0),
			le.enhanced(0, 7, 3, "abc", le.option(1, []byte("note"))),
			le.block(0x80001234, make([]byte, 21)),
			le.enhanced(0, 8, 5, "defgh"),
		}, []bool{false, false, true, false, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := join(tt.records...)
			for n := 4; n <= len(whole); n++ {
				packets, start := 0, 0
				for i, r := range tt.records {
					if start+len(r) > n {
						break
					}
					start += len(r)
					if tt.packet[i] {
						packets++
					}
				}
				got, _, errs := read(t, whole[:n])
				if len(got) != packets {
					t.Fatalf("%d bytes: %d packets, want %d", n, len(got), packets)
				}
				if n == start {
					if len(errs) > 0 {
						t.Fatalf("%d bytes, between records: %v", n, errs)
					}
					continue
				}
				var f *capture.FormatError
				if len(errs) != 1 || !errors.Is(errs[0], capture.ErrCut) || !errors.As(errs[0], &f) {
					t.Fatalf("%d bytes, inside a record: errors %v", n, errs)
				}
				if f.Offset != int64(start) || start > 0 && f.Frame != int64(packets+1) {
					t.Fatalf("%d bytes: error at frame %d, byte %d; want frame %d, byte %d", n, f.Frame, f.Offset, packets+1, start)
				}
			}
		})
	}
}

func TestPcapHostile(t *testing.T) {
	head := pcapHeader(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 96, 1)
	good := pcapRecord(binary.LittleEndian, 1, 0, 3, []byte("abc"), nil)
	huge := pcapRecord(binary.LittleEndian, 1, 0, 3, nil, nil)
	binary.LittleEndian.PutUint32(huge[8:], 0xffffffff)
	got, _, errs := read(t, join(head, good, huge, good))
	var f *capture.FormatError
	if len(got) != 1 || len(errs) != 1 || !errors.As(errs[0], &f) || !errors.Is(errs[0], capture.ErrLimit) {
		t.Fatalf("%d packets, errors %v", len(got), errs)
	}
	if want := int64(len(head) + len(good)); f.Offset != want || f.Frame != 2 || f.Cut {
		t.Errorf("error %+v, want byte %d of frame 2", f, want)
	}
	if want := fmt.Sprintf("-: frame 2: byte %d: record of 4294967295 bytes is over the limit of 16777216", f.Offset); f.Error() != want {
		t.Errorf("message %q, want %q", f.Error(), want)
	}
	_, _, errs = read(t, pcapHeader(binary.LittleEndian, 0xa1b2c3d4, 9, 0, 96, 1))
	if len(errs) != 1 || !errors.As(errs[0], &f) || f.Cut {
		t.Errorf("unknown version: %v", errs)
	}
}

// TestPcapLargePacket reads a packet larger than the window, between small ones.
func TestPcapLargePacket(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	b := pcapHeader(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1)
	for _, data := range [][]byte{[]byte("a"), big, []byte("b"), big, []byte("c")} {
		b = append(b, pcapRecord(binary.LittleEndian, 1, 0, uint32(len(data)), data, nil)...)
	}
	got, _, errs := read(t, b)
	if len(errs) > 0 || len(got) != 5 || !bytes.Equal(got[1].Data, big) || !bytes.Equal(got[3].Data, big) ||
		string(got[4].Data) != "c" {
		t.Fatalf("%d packets, errors %v", len(got), errs)
	}
	// Offsets count on when the window has slid.
	_, _, errs = read(t, append(b, 1, 2, 3))
	var f *capture.FormatError
	if len(errs) != 1 || !errors.As(errs[0], &f) || f.Offset != int64(len(b)) || !f.Cut {
		t.Errorf("errors %v, want a cut at byte %d", errs, len(b))
	}
}
