package capture_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

// places names packets as "file name:frame", in the order read.
func places(packets []capture.Packet, files []capture.FileInfo) string {
	var b strings.Builder
	for _, p := range packets {
		fmt.Fprintf(&b, "%s:%d ", filepath.Base(files[p.File].Name), p.Frame)
	}
	return strings.TrimSpace(b.String())
}

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string][]int64 // times in nanoseconds
		want  string
	}{
		{"ring, names not in time order", map[string][]int64{"a": {50, 60}, "b": {10, 20}, "c": {30, 40}},
			"b:1 b:2 c:1 c:2 a:1 a:2"},
		{"overlap", map[string][]int64{"a": {10, 30, 50}, "b": {20, 40, 60}}, "a:1 b:1 a:2 b:2 a:3 b:3"},
		{"three", map[string][]int64{"a": {10, 11, 12, 40}, "b": {11, 41}, "c": {12, 13}},
			"a:1 a:2 b:1 a:3 c:1 c:2 a:4 b:2"},
		{"one time in all", map[string][]int64{"a": {5, 5}, "b": {5, 5}}, "a:1 a:2 b:1 b:2"},
		{"clock set back inside a file", map[string][]int64{"a": {10, 50, 20, 60}, "b": {15, 30, 55}},
			"a:1 b:1 b:2 a:2 a:3 b:3 a:4"},
		{"empty file between", map[string][]int64{"a": {10}, "b": {}, "c": {5}}, "c:1 a:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, times := range tt.files {
				write(t, dir, name, smallPcap(times...))
			}
			packets, files, errs := collect(t, capture.Options{}, dir)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			if got := places(packets, files); got != tt.want {
				t.Errorf("order %s\n want %s", got, tt.want)
			}
		})
	}
}

// TestMergeProperty: whatever the files, every packet comes once, a file keeps its order, and sorted files give a
// sorted capture.
func TestMergeProperty(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 30 {
		dir := t.TempDir()
		sorted := round%2 == 0
		total := 0
		for i := range rng.IntN(50) + 1 { // also more than are open at once
			times := make([]int64, rng.IntN(20))
			for k := range times {
				times[k] = int64(i/3*100 + rng.IntN(300))
			}
			if sorted {
				slices.Sort(times)
			}
			total += len(times)
			write(t, dir, strconv.Itoa(i), smallPcap(times...))
		}
		packets, _, errs := collect(t, capture.Options{}, dir)
		if len(errs) > 0 || len(packets) != total {
			t.Fatalf("round %d: %d packets of %d, errors %v", round, len(packets), total, errs)
		}
		last := map[int32]int64{}
		for _, p := range packets {
			if p.Frame != last[p.File]+1 {
				t.Fatalf("round %d: frame %d after %d", round, p.Frame, last[p.File])
			}
			last[p.File] = p.Frame
		}
		if byTime := func(a, b capture.Packet) int { return cmp.Compare(a.Time, b.Time) }; sorted &&
			!slices.IsSortedFunc(packets, byTime) {
			t.Fatalf("round %d: sorted files give an unsorted capture", round)
		}
	}
}

// TestManyOverlappingFiles: more files than may be open at once are all read, and that is reported.
func TestManyOverlappingFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 40 {
		write(t, dir, strconv.Itoa(i), smallPcap(int64(i), 1000))
	}
	packets, files, errs := collect(t, capture.Options{}, dir)
	if len(errs) > 0 || len(packets) != 80 {
		t.Fatalf("%d packets, errors %v", len(packets), errs)
	}
	noted := 0
	for _, f := range files {
		if len(f.Notes) > 0 {
			noted++
		}
	}
	if noted != 8 {
		t.Errorf("%d files are noted as late, want the 8 over the limit", noted)
	}
}

// TestErrorsBesidePackets: one bad input does not hide the others, and each is reported once.
func TestErrorsBesidePackets(t *testing.T) {
	dir := t.TempDir()
	cut := smallPcap(10, 20)
	a := write(t, dir, "a", cut[:len(cut)-1])
	b := write(t, dir, "b", smallPcap(15, 30))
	packets, files, errs := collect(t, capture.Options{}, b, filepath.Join(dir, "missing"), a, dir+"/./b")
	if got, want := places(packets, files), "a:1 b:1 b:2"; got != want {
		t.Errorf("packets %s, want %s", got, want)
	}
	if len(errs) != 2 || !errors.Is(errs[0], capture.ErrCut) || !errors.Is(errs[1], fs.ErrNotExist) {
		t.Errorf("errors %v", errs)
	}
	if len(files) != 3 || !errors.Is(files[0].Err, capture.ErrCut) || files[1].Err != nil ||
		!errors.Is(files[2].Err, fs.ErrNotExist) {
		t.Errorf("files %+v", files)
	}
}

// TestErrorBeforeFirstPacket: files are looked at twice, their errors are reported once.
func TestErrorBeforeFirstPacket(t *testing.T) {
	dir := t.TempDir()
	n := ng{binary.BigEndian}
	write(t, dir, "a", join(n.section(), n.iface(1, 0), n.block(6), n.enhanced(0, 1, 3, "abc")))
	write(t, dir, "b", join(n.section(), n.iface(1, 0), n.block(6)))
	write(t, dir, "c", smallPcap(1))
	packets, files, errs := collect(t, capture.Options{}, dir)
	if got := places(packets, files); got != "c:1 a:2" || len(errs) != 2 {
		t.Errorf("packets %s, errors %v", got, errs)
	}
}

// TestRingMemory: of files that were read through nothing large is kept.
func TestRingMemory(t *testing.T) {
	dir := t.TempDir()
	const files = 300
	for i := range files {
		write(t, dir, strconv.Itoa(i), smallPcap(int64(i)))
	}
	s, err := capture.Open([]string{dir}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for range s.Packets() {
		if n++; n == files {
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); n != files || grown > 8<<20 {
		t.Errorf("%d packets, heap grown by %d KiB", n, grown>>10)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	empty := t.TempDir()
	os.Mkdir(filepath.Join(empty, "inner"), 0o700)
	for _, tt := range []struct {
		name string
		want string
		is   error
	}{
		{filepath.Join(dir, "missing"), "missing: no such file", fs.ErrNotExist},
		{empty, "directory without captures", capture.ErrNotCapture},
		{write(t, dir, "empty", nil), "empty: empty file", capture.ErrNotCapture},
		{write(t, dir, "jpeg", []byte("\xff\xd8\xff\xe0\x00\x10JFIF")), "jpeg: is not a capture: starts with ff d8 ff (JPEG)", capture.ErrNotCapture},
		{write(t, dir, "zip", []byte("PK\x03\x04....")), "(zip); unpack it first", capture.ErrNotCapture},
		{write(t, dir, "xz", []byte("\xfd7zXZ\x00\x00")), "(xz); decompress it first: xz -dc", capture.ErrNotCapture},
		{write(t, dir, "bz2", []byte("BZh91AY")), "(bzip2); decompress", capture.ErrNotCapture},
		{write(t, dir, "elf", []byte("\x7fELF\x02")), "(ELF program)", capture.ErrNotCapture},
		{write(t, dir, "snoop", []byte("snoop\x00\x00\x00\x00\x00\x00\x02")), "(snoop); convert it first", capture.ErrNotCapture},
		{write(t, dir, "pdf", []byte("%PDF-1.7")), "(PDF)", capture.ErrNotCapture},
		{write(t, dir, "rdb", []byte("REDIS0011")), "(Redis RDB dump)", capture.ErrNotCapture},
		{write(t, dir, "utf16", []byte("\xff\xfe0\x000\x00")), "UTF-16", capture.ErrNotCapture},
		{write(t, dir, "binary", []byte{1, 2, 3, 4, 5}), "is not a capture: starts with 01 02 03 04", capture.ErrNotCapture},
		{write(t, dir, "text", []byte("Dear all,\n2019-05-26 09:16:26.801 ERROR timeout\n")), "text without tcpdump packet lines", capture.ErrNotCapture},
		{write(t, dir, "short", []byte("\xd4\xc3")), "is not a capture", capture.ErrNotCapture},
		{write(t, dir, "header", smallPcap()[:20]), "file is cut off: file header", capture.ErrCut},
	} {
		s, err := capture.Open([]string{tt.name}, capture.Options{})
		if err == nil || !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: source %v, error %v, want %q", filepath.Base(tt.name), s, err, tt.want)
		}
	}
	if _, err := capture.Open(nil, capture.Options{}); err == nil {
		t.Error("no names: no error")
	}
	// The same folder as one capture: one file in it begins like one.
	write(t, dir, "good", smallPcap(1))
	packets, files, errs := collect(t, capture.Options{}, dir)
	if len(packets) != 1 || len(files) != 2 || len(errs) != 1 || !errors.Is(errs[0], capture.ErrCut) {
		t.Errorf("directory: %d packets, files %+v, errors %v", len(packets), files, errs)
	}
}

func TestDirectoryIgnores(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.pcap", smallPcap(1))
	write(t, dir, "README.md", []byte("# Captures\n"))
	write(t, dir, ".hidden", smallPcap(1))
	write(t, dir, "fresh.pcap", nil)
	os.Mkdir(filepath.Join(dir, "inner"), 0o700)
	s, err := capture.Open([]string{dir}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []string
	for _, i := range s.Ignored() {
		got = append(got, filepath.Base(i.Name)+": "+i.Reason)
	}
	want := []string{"README.md: is not a capture: text without tcpdump packet lines", "fresh.pcap: empty file"}
	if !slices.Equal(got, want) || len(s.Files()) != 1 {
		t.Errorf("ignored %q, want %q; files %+v", got, want, s.Files())
	}
}

// TestGrowingPipe: each packet is delivered before the next one is written.
func TestGrowingPipe(t *testing.T) {
	le := ng{binary.LittleEndian}
	for _, tt := range []struct {
		name string
		head []byte
		next func(i int) []byte
	}{
		{"pcap", smallPcap(), func(i int) []byte {
			return pcapRecord(binary.LittleEndian, uint32(i), 0, 3, []byte("abc"), nil)
		}},
		{"pcapng", join(le.section(), le.iface(1, 0)), func(i int) []byte { return le.enhanced(0, uint64(i), 3, "abc") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w := io.Pipe()
			go w.Write(tt.head)
			s, err := capture.Open([]string{"-"}, capture.Options{Stdin: r})
			if err != nil {
				t.Fatal(err)
			}
			const packets = 5
			go w.Write(tt.next(1))
			n := 0
			for p, err := range s.Packets() {
				n++
				if err != nil || p.Frame != int64(n) {
					t.Fatalf("frame %d, error %v, want frame %d", p.Frame, err, n)
				}
				if n == packets {
					break
				}
				go w.Write(tt.next(n + 1))
			}
			if n != packets {
				t.Errorf("%d packets", n)
			}
		})
	}
}

func TestPacketsOnce(t *testing.T) {
	path := write(t, t.TempDir(), "a", smallPcap(1, 2, 3))
	s, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range s.Packets() {
		n++
		break
	}
	for range s.Packets() {
		n++
	}
	if n != 1 {
		t.Errorf("%d packets in two walks of which the first stopped at one", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestCountsOfCapinfos compares every real capture with what capinfos says of it.
func TestCountsOfCapinfos(t *testing.T) {
	capinfos, err := exec.LookPath("capinfos")
	if err != nil {
		t.Skip("capinfos is not installed")
	}
	for _, name := range []string{"01a_small.pcap", "04_large.pcap", "04_tls.pcap", "seed1_article.pcap", "lab_j1.pcap"} {
		path := testcap.Path(t, name)
		out, err := exec.Command(capinfos, "-M", "-T", "-r", "-c", "-d", path).Output()
		if err != nil {
			t.Skipf("capinfos: %v", err)
		}
		fields := strings.Split(strings.TrimSpace(string(out)), "\t")
		_, files, errs := collect(t, capture.Options{}, path)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		f := files[0]
		if got := []string{strconv.FormatInt(f.Packets, 10), strconv.FormatInt(f.WireBytes, 10)}; !slices.Equal(got, fields[1:3]) {
			t.Errorf("%s: packets and bytes %v, capinfos %v", name, got, fields[1:])
		}
	}
}

// TestBorrowedData: packets of a merge stay intact until the next one is asked for.
func TestBorrowedData(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", smallPcap(1, 3, 5))
	write(t, dir, "b", smallPcap(2, 4, 6))
	s, err := capture.Open([]string{dir}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for p, err := range s.Packets() {
		if err != nil || !bytes.Equal(p.Data, []byte{byte(p.Frame)}) {
			t.Errorf("frame %d: % x, error %v", p.Frame, p.Data, err)
		}
	}
}
