package bench_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// BenchmarkInflate compares the reader of compressed captures with that of the standard library.
func BenchmarkInflate(b *testing.B) {
	raw, err := os.ReadFile(generate(b, newTraffic(50, 1), generatedPackets))
	if err != nil {
		b.Fatal(err)
	}
	var packed bytes.Buffer
	w := stdgzip.NewWriter(&packed)
	if _, err := w.Write(raw); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for _, reader := range []struct {
		name string
		open func(io.Reader) (io.Reader, error)
	}{
		{"standard", func(r io.Reader) (io.Reader, error) { return stdgzip.NewReader(r) }},
		{"klauspost", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	} {
		b.Run(reader.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				r, err := reader.open(bytes.NewReader(packed.Bytes()))
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, r); err != nil || n != int64(len(raw)) {
					b.Fatal(n, err)
				}
			}
		})
	}
}
