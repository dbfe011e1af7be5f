package capture_test

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

func gzipped(t testing.TB, parts ...[]byte) []byte {
	var out bytes.Buffer
	for _, p := range parts { // a member each
		z := gzip.NewWriter(&out)
		z.Write(p)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func zstded(t testing.TB, parts ...[]byte) []byte {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00skip") // a skippable frame
	for _, p := range parts {
		out = z.EncodeAll(p, out)
	}
	return out
}

func TestCompressed(t *testing.T) {
	path := testcap.Path(t, "01a_small.pcap")
	plain, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, _, _ := read(t, plain)
	for _, tt := range []struct {
		name string
		data []byte
		cut  int // bytes to take off
	}{
		{"gzip", gzipped(t, plain[:1000], plain[1000:]), 0},
		{"gzip", join(gzipped(t, plain[:1000]), make([]byte, 511), gzipped(t, plain[1000:]), make([]byte, 10<<10)), 0}, // padded with zeros
		{"zstd", zstded(t, plain[:1000], plain[1000:]), 0},
		{"gzip", gzipped(t, plain), 40},
		{"zstd", zstded(t, plain), 40},
	} {
		got, info, errs := read(t, tt.data[:len(tt.data)-tt.cut])
		// Of a cut zstd file of one block nothing can be read.
		if len(got) > 0 && (info.Compression != tt.name || info.Format != "pcap") {
			t.Errorf("%s: info %+v", tt.name, info)
		}
		if tt.cut == 0 {
			if diff := cmp.Diff(want, got); diff != "" || len(errs) > 0 {
				t.Errorf("%s: errors %v, packets differ:\n%.500s", tt.name, errs, diff)
			}
			continue
		}
		var f *capture.FormatError
		if len(errs) != 1 || !errors.Is(errs[0], capture.ErrCut) || !errors.As(errs[0], &f) || !f.Inflated {
			t.Errorf("%s cut: errors %v", tt.name, errs)
		}
	}
}

func TestCompressedDamage(t *testing.T) {
	plain := smallPcap(make([]int64, 5000)...)
	for name, data := range map[string][]byte{"gzip": gzipped(t, plain), "zstd": zstded(t, plain)} {
		for i := len(data) / 2; i < len(data)/2+40; i++ {
			data[i] ^= 0x55
		}
		_, _, errs := read(t, data)
		if len(errs) == 0 {
			t.Errorf("%s: damage is not noticed", name)
		}
	}
	if _, _, errs := read(t, join(gzipped(t, plain), make([]byte, 100), []byte("more"))); len(errs) == 0 {
		t.Error("what stands behind the padding is not noticed")
	}
	_, _, errs := read(t, gzipped(t, []byte("\xff\xd8\xff\xe0 a picture")))
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "JPEG") {
		t.Errorf("compressed JPEG: %v", errs)
	}
}

// TestBomb: what unfolds over the limit ends with an error that says so, after the packets before it.
func TestBomb(t *testing.T) {
	head := smallPcap(1, 2)
	bomb := join(head, pcapRecord(ng{orders[0].order}, 1, 0, 1, make([]byte, 16<<20), nil), make([]byte, 80<<20))
	for name, data := range map[string][]byte{"gzip": gzipped(t, bomb), "zstd": zstded(t, bomb)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(data), MaxDecompressed: 40 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var errs []error
		for _, err := range s.Packets() {
			if err != nil {
				errs = append(errs, err)
			}
		}
		runtime.ReadMemStats(&after)
		if len(errs) != 1 || !errors.Is(errs[0], capture.ErrLimit) || !strings.Contains(errs[0].Error(), "--max-decompressed") {
			t.Errorf("%s: errors %v", name, errs)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 100<<20 {
			t.Errorf("%s: %d MiB allocated", name, grown>>20)
		}
	}
}

// TestZstdWindow refuses a frame header that claims more memory than a capture needs.
func TestZstdWindow(t *testing.T) {
	huge := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00} // window of 2 GiB
	_, _, errs := read(t, huge)
	if len(errs) != 1 || errors.Is(errs[0], capture.ErrCut) {
		t.Errorf("errors %v", errs)
	}
}

// TestCloseEndsInflating: a walk that is left early leaves no goroutine behind.
func TestCloseEndsInflating(t *testing.T) {
	before := runtime.NumGoroutine()
	data := gzipped(t, smallPcap(make([]int64, 200_000)...))
	for range 20 {
		s, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		for range s.Packets() {
			break
		}
	}
	for wait := time.Millisecond; runtime.NumGoroutine() > before && wait < 30*time.Second; wait *= 2 {
		time.Sleep(wait)
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines, %d before", now, before)
	}
}
