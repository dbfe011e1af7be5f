package bench_test

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// captureVariable names a classic pcap file for BenchmarkFile.
const captureVariable = "RESPSNIFF_BENCH"

// generatedPackets is the length of a capture that stages are compared on.
const generatedPackets = 200_000

// generate writes a capture of handshakes and so many packets more.
func generate(tb testing.TB, t *traffic, packets int) (file string) {
	tb.Helper()
	file = filepath.Join(tb.TempDir(), strconv.Itoa(packets)+".pcap")
	f, err := os.Create(file)
	if err != nil {
		tb.Fatal(err)
	}
	out := bufio.NewWriter(f)
	w, err := capture.NewPcapWriter(out, capture.PcapOptions{Link: capture.LinkEthernet, Microseconds: true})
	if err != nil {
		tb.Fatal(err)
	}
	for p := range t.packets(packets) {
		if err := w.Write(p); err != nil {
			tb.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return file
}

// stages walk a capture through ever more of the pipeline and return how many packets went in.
var stages = []struct {
	name string
	walk func(tb testing.TB, file string) int
}{
	{"pcapgo", walkPcapgo},
	{"pcapgo256K", walkPcapgoBuffered},
	{"gopacket", walkGopacket},
	{"packets", walkPackets},
	{"segments", walkSegments},
	{"events", walkEvents},
	{"findings", walkFindings},
}

// walkPcapgo is the yardstick: gopacket's zero-copy reader over the bare records of a file. It reads 4 KiB at a time.
func walkPcapgo(tb testing.TB, file string) (n int) {
	return walkRecords(tb, file, func(f *os.File) io.Reader { return f })
}

// walkPcapgoBuffered is the same behind as large a buffer as package capture has, the fastest that pcapgo can be.
func walkPcapgoBuffered(tb testing.TB, file string) (n int) {
	return walkRecords(tb, file, func(f *os.File) io.Reader { return bufio.NewReaderSize(f, 256<<10) })
}

func walkRecords(tb testing.TB, file string, reader func(*os.File) io.Reader) (n int) {
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(reader(f))
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, _, err := r.ZeroCopyReadPacketData(); err == io.EOF {
			return n
		} else if err != nil {
			tb.Fatal(err)
		}
		n++
	}
}

func open(tb testing.TB, file string) *capture.Source {
	tb.Helper()
	s, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func walkPackets(tb testing.TB, file string) (n int) {
	s := open(tb, file)
	defer s.Close()
	for batch, err := range s.Batches() {
		if err != nil {
			tb.Fatal(err)
		}
		n += len(batch)
	}
	return n
}

func walkSegments(tb testing.TB, file string) int {
	s := open(tb, file)
	defer s.Close()
	a := reassembly.New(reassembly.Options{})
	for _, err := range a.Batched(s.Batches()) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	return int(a.Stats().Packets)
}

func walkEvents(tb testing.TB, file string) int {
	s := open(tb, file)
	defer s.Close()
	a := reassembly.New(reassembly.Options{})
	for _, err := range analysis.Events(a.Batched(s.Batches()), nil) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	return int(a.Stats().Packets)
}

// walkFindings is all of the analyze command but the report.
func walkFindings(tb testing.TB, file string) int {
	s := open(tb, file)
	defer s.Close()
	a := reassembly.New(reassembly.Options{})
	run := analysis.NewRun(nil)
	run.ForRules()
	for _, err := range run.Detect(run.Events(a.Batched(s.Batches())), detectors.All()) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	return int(a.Stats().Packets)
}

// processorTime is what this process has used on all processors. Unlike the time that passes it hardly depends on
// what else the machine does.
func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkStages(b *testing.B, file string) {
	for _, s := range stages {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			begin := processorTime()
			for b.Loop() {
				n = s.walk(b, file)
			}
			used := processorTime() - begin
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/packet")
		})
	}
}

// BenchmarkSmall runs each stage, with those before it, on requests and replies of one small command.
func BenchmarkSmall(b *testing.B) { benchmarkStages(b, generate(b, newTraffic(50, 1), generatedPackets)) }

// BenchmarkPipeline does so on pipelines of 32.
func BenchmarkPipeline(b *testing.B) { benchmarkStages(b, generate(b, newTraffic(50, 32), generatedPackets)) }

// BenchmarkManyConnections does so on 20,000 connections that take turns.
func BenchmarkManyConnections(b *testing.B) { benchmarkStages(b, generate(b, newTraffic(20_000, 1), generatedPackets)) }

// BenchmarkFile does so on the classic pcap file named in the environment.
func BenchmarkFile(b *testing.B) {
	file := os.Getenv(captureVariable)
	if file == "" {
		b.Skipf("%s names no capture", captureVariable)
	}
	benchmarkStages(b, file)
}
