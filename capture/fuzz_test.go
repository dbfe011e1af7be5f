package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

// walk reads hostile input and checks what always holds: it ends, packets lie within bounds and are numbered upwards,
// errors have a position.
func walk(t *testing.T, data []byte, wrap func(io.Reader) io.Reader) (packets int64, errs []error) {
	t.Helper()
	secrets := 0
	s, err := capture.Open([]string{"-"}, capture.Options{Stdin: wrap(bytes.NewReader(data)), MaxDecompressed: 1 << 22, Secrets: func(text []byte, end bool) {
		if secrets += len(text); len(text) > 16<<20 || len(text) == 0 && !end || secrets > 1<<22 {
			t.Fatalf("a piece of %d bytes, end %v, %d so far", len(text), end, secrets)
		}
	}})
	if err != nil {
		checkError(t, err)
		return 0, []error{err}
	}
	defer s.Close()
	last := int64(0)
	for p, err := range s.Packets() {
		if err != nil {
			checkError(t, err)
			if errs = append(errs, err); len(errs) > 3 {
				t.Fatalf("errors go on: %v", errs)
			}
			continue
		}
		packets++
		if p.Frame <= last || len(p.Data) > p.Length || len(p.Data) > 16<<20 {
			t.Fatalf("frame %d after %d: %d of %d bytes", p.Frame, last, len(p.Data), p.Length)
		}
		last = p.Frame
	}
	if f := s.Files()[0]; f.Packets != packets || packets > 0 && f.First > f.Last {
		t.Fatalf("info %+v after %d packets", f, packets)
	}
	return packets, errs
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var f *capture.FormatError
	if !errors.As(err, &f) || f.File != "-" || f.Offset < 0 || f.Msg == "" {
		t.Fatalf("error %#v has no position", err)
	}
}

func whole(r io.Reader) io.Reader { return r }

// both reads the input in one piece and byte by byte, with the same result.
func both(t *testing.T, data []byte) {
	packets, errs := walk(t, data, whole)
	if len(data) > 1<<16 {
		return
	}
	again, errsAgain := walk(t, data, iotest.OneByteReader)
	if packets != again || len(errs) != len(errsAgain) {
		t.Fatalf("%d packets, errors %v in one piece; %d, %v byte by byte", packets, errs, again, errsAgain)
	}
}

func seed(f *testing.F, name string, most int) []byte {
	b, err := os.ReadFile(testcap.Path(f, name))
	if err != nil {
		f.Fatal(err)
	}
	return b[:min(len(b), most)]
}

func FuzzPcap(f *testing.F) {
	f.Add(seed(f, "seed1_article.pcap", 1<<12))
	for _, o := range orders {
		f.Add(join(pcapHeader(o, 0xa1b2cd34, 2, 3, 9, 1), pcapRecord(o, 1, 2, 9, []byte("abc"), make([]byte, 8))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 4 {
			copy(data[1:], "\xb2\xc3")
		}
		both(t, data)
	})
}

func FuzzPcapng(f *testing.F) {
	for _, o := range orders {
		n := ng{o.order}
		f.Add(join(n.section(n.option(1, []byte("x"))), n.iface(1, 0, n.option(9, []byte{0x8a})),
			n.enhanced(0, 7, 9, "abc", n.option(4, make([]byte, 8))), n.block(3, n.u32(4), []byte("abcd")),
			n.secrets(keyLog, 3, "abc", n.option(1, []byte("x"))), n.block(2, n.u16(0, 1), n.u32(0, 6, 2, 2), []byte("pb")), n.block(5, n.u32(0, 0, 0), n.option(7, make([]byte, 8)))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 4 {
			copy(data, "\x0a\x0d\x0d\x0a")
		}
		both(t, data)
	})
}

func FuzzText(f *testing.F) {
	f.Add(seed(f, "05_01a_small.tttt_vv_XX.txt", 4<<10))
	f.Add(seed(f, "05_any_sll2.tttt_X.txt", 2<<10))
	f.Add(seed(f, "seed1_article.tcpdump.txt", 4<<10))
	f.Add([]byte(" 00:00:00.000000 IP a\n\t0x0000:  45\n -00:00:01.5 IP\n0x0000: 4500 12\n1 packet captured\n"))
	f.Add([]byte("IP \n\t0x0000:  4500 0034\n\t0x0020:  45\n"))
	f.Fuzz(func(t *testing.T, data []byte) { both(t, data) })
}

// FuzzReader takes any bytes, also compressed ones, and bounds the memory.
func FuzzReader(f *testing.F) {
	f.Add(gzipped(f, seed(f, "seed1_article.pcap", 1<<12)))
	f.Add(zstded(f, seed(f, "seed1_article.pcap", 1<<12)))
	f.Add(smallPcap(1, 2, 3))
	f.Add(join(ng{binary.BigEndian}.section(), ng{binary.BigEndian}.iface(1, 0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		walk(t, data, whole)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 96<<20 {
			t.Fatalf("%d bytes allocated for %d of input", grown, len(data))
		}
	})
}

func FuzzParseDrops(f *testing.F) {
	f.Add("4492851 packets captured\n4675218 packets received by filter\n182367 packets dropped by kernel\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := capture.ParseDrops(text)
		if ok != d.Known || d.Captured < 0 || d.Received < 0 || d.Kernel < 0 || d.Interface < 0 {
			t.Fatalf("%+v, %v", d, ok)
		}
	})
}
