package capture_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/respsniff/respsniff/capture"
)

// list is everything that reading data gives: packets, errors and what is known of the file.
func list(t *testing.T, r io.Reader) (lines []string) {
	s, err := capture.Open([]string{"-"}, capture.Options{Stdin: r})
	if err != nil {
		return []string{err.Error()}
	}
	defer s.Close()
	for p, err := range s.Packets() {
		lines = append(lines, fmt.Sprintf("%+v %v", p, err))
	}
	return append(lines, fmt.Sprintf("%+v", s.Files()))
}

// listBatches is list by Batches, of which the last packet is looked at first, so that none may change under another.
func listBatches(t *testing.T, r io.Reader) (lines []string) {
	s, err := capture.Open([]string{"-"}, capture.Options{Stdin: r})
	if err != nil {
		return []string{err.Error()}
	}
	defer s.Close()
	for batch, err := range s.Batches() {
		if (len(batch) == 0) != (err != nil) {
			t.Fatalf("%d packets with error %v", len(batch), err)
		}
		if err != nil {
			lines = append(lines, fmt.Sprintf("%+v %v", capture.Packet{}, err))
		}
		texts := make([]string, len(batch))
		for i := len(batch) - 1; i >= 0; i-- {
			texts[i] = fmt.Sprintf("%+v %v", batch[i], err)
		}
		lines = append(lines, texts...)
	}
	return append(lines, fmt.Sprintf("%+v", s.Files()))
}

// Packets that lie whole in the window take the fast path. Where each read gives one byte none does: both paths agree on
// sound and on damaged files.
func TestWalkIsNext(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, sound := range [][]byte{benchFile(t, false)[:20_000], benchFile(t, true)[:20_000], twoInterfaces(t)} {
		for round := range 60 {
			data := slices.Clone(sound)
			for range round % 4 {
				data[r.IntN(len(data))] = byte(r.Uint32())
			}
			if round%3 == 0 {
				data = data[:r.IntN(len(data))]
			}
			short, long := list(t, bytes.NewReader(data)), list(t, iotest.OneByteReader(bytes.NewReader(data)))
			if !slices.Equal(short, long) {
				for i := range min(len(short), len(long)) {
					if short[i] != long[i] {
						t.Fatalf("round %d:\n%s\n%s", round, short[i], long[i])
					}
				}
				t.Fatalf("round %d: %d and %d lines", round, len(short), len(long))
			}
			if batches := listBatches(t, bytes.NewReader(data)); !slices.Equal(short, batches) {
				t.Fatalf("round %d: batches differ: %d and %d lines", round, len(batches), len(short))
			}
			if round == 1 && len(short) < 10 {
				t.Fatal(short)
			}
		}
	}
}

// twoInterfaces is a pcapng file that declares both its interfaces at the start, as dumpcap does, and uses the second late.
func twoInterfaces(t *testing.T) []byte {
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		p := capture.Packet{Time: capture.Time(i) * 1000, Link: capture.LinkEthernet, Data: make([]byte, 60)}
		if i > 100 && i%2 == 0 {
			p.Link, p.Interface = capture.LinkSLL2, 1
		}
		if err := w.Write(p, ""); err != nil {
			t.Fatal(err)
		}
	}
	var first, rest []byte
	for b := out.Bytes(); len(b) > 0; {
		n := binary.LittleEndian.Uint32(b[4:])
		if kind := binary.LittleEndian.Uint32(b); kind == 6 || kind == 5 {
			rest = append(rest, b[:n]...)
		} else {
			first = append(first, b[:n]...)
		}
		b = b[n:]
	}
	return append(first, rest...)
}

// A consumer of batches that closes the source gets no more of them, and nothing is counted that it did not get.
func TestBatchesStop(t *testing.T) {
	for _, pcapng := range []bool{false, true} {
		s, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(benchFile(t, pcapng))})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for batch := range s.Batches() {
			if n += len(batch); n > 100 {
				s.Close()
			}
		}
		if n <= 100 || n > 1000 || s.Files()[0].Packets != int64(n) {
			t.Errorf("pcapng %v: %d packets, %d counted", pcapng, n, s.Files()[0].Packets)
		}
	}
}

// A consumer that stops, or closes the source, gets no more packets.
func TestWalkStops(t *testing.T) {
	for _, pcapng := range []bool{false, true} {
		for _, closing := range []bool{false, true} {
			s, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(benchFile(t, pcapng))})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for range s.Packets() {
				if n++; n == 100 && closing {
					s.Close()
				} else if n == 100 {
					break
				}
			}
			if n != 100 || s.Files()[0].Packets != 100 {
				t.Errorf("pcapng %v, closing %v: %d packets, %d counted", pcapng, closing, n, s.Files()[0].Packets)
			}
		}
	}
}
