package capture_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/gopacket/pcapgo"

	"github.com/respsniff/respsniff/capture"
)

// benchPackets is the length of the capture that the walks run on: of the sizes of small commands and their replies.
const benchPackets = 100_000

func benchFile(tb testing.TB, pcapng bool) []byte {
	var out bytes.Buffer
	var put func(capture.Packet) error
	if pcapng {
		w, err := capture.NewWriter(&out, capture.WriterOptions{})
		if err != nil {
			tb.Fatal(err)
		}
		put = func(p capture.Packet) error { return w.Write(p, "") }
	} else {
		w, err := capture.NewPcapWriter(&out, capture.PcapOptions{Link: 1, Microseconds: true})
		if err != nil {
			tb.Fatal(err)
		}
		put = w.Write
	}
	data := make([]byte, 128)
	for i := range benchPackets {
		p := capture.Packet{Time: capture.Time(i) * 1000, Link: 1, Data: data[:66+i%3*23]}
		if err := put(p); err != nil {
			tb.Fatal(err)
		}
	}
	return out.Bytes()
}

// BenchmarkWalk is the bare walk over the records of a file, beside that of pcapgo's zero-copy reader.
func BenchmarkWalk(b *testing.B) {
	pcap, pcapng := benchFile(b, false), benchFile(b, true)
	ours := func(data []byte) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				s, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(data)})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for _, err := range s.Packets() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != benchPackets {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPackets, "ns/packet")
		}
	}
	b.Run("pcap", ours(pcap))
	b.Run("pcapng", ours(pcapng))
	b.Run("pcapgo", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(pcap)))
		for b.Loop() {
			r, err := pcapgo.NewReader(bytes.NewReader(pcap))
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for {
				if _, _, err := r.ZeroCopyReadPacketData(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != benchPackets {
				b.Fatal(n)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPackets, "ns/packet")
	})
}

// TestNoAllocationPerPacket: what a walk allocates does not grow with the packets.
func TestNoAllocationPerPacket(t *testing.T) {
	for _, pcapng := range []bool{false, true} {
		data := benchFile(t, pcapng)
		allocs := testing.AllocsPerRun(2, func() {
			s, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(data)})
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range s.Packets() {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if allocs > 64 {
			t.Errorf("pcapng %v: %.0f allocations in %d packets", pcapng, allocs, benchPackets)
		}
	}
}
