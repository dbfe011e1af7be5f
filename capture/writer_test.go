package capture_test

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

func TestWriterRoundTrip(t *testing.T) {
	want, _, _ := collect(t, capture.Options{}, testcap.Path(t, "01a_small.pcap"))
	other := want[0]
	other.Link, other.File, other.Length, other.Time = capture.LinkSLL2, 3, 9000, other.Time+123
	want = append(want, other)
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, capture.WriterOptions{
		Comment:       "evidence",
		InterfaceName: func(p capture.Packet) string { return []string{"a", "", "", "d"}[p.File] },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range want {
		comment := ""
		if i%2 == 0 {
			comment = strings.Repeat("ü", i)
		}
		if err := w.Write(p, comment); err != nil {
			t.Fatal(err)
		}
	}
	got, info, errs := read(t, out.Bytes())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for i := range want {
		want[i].Frame, want[i].File = int64(i+1), 0
	}
	want[len(want)-1].Interface = 1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packets (-written +read):\n%.2000s", diff)
	}
	interfaces := []capture.Interface{{Section: 1, Name: "a", Link: 1}, {Section: 1, Number: 1, Name: "d", Link: 276}}
	if diff := cmp.Diff(interfaces, info.Interfaces); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	if comments := int64(1 + len(want)/2); info.Comment != "evidence" || info.Comments != comments {
		t.Errorf("first comment %q, %d in all, want %d", info.Comment, info.Comments, comments)
	}
}

func TestWriterLongComment(t *testing.T) {
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(packet(1, -5, 1, 0, "abc"), strings.Repeat("é", 1<<16)); err != nil {
		t.Fatal(err)
	}
	got, info, errs := read(t, out.Bytes())
	if len(errs) > 0 || len(got) != 1 || got[0].Time != 0 || got[0].Length != 3 || strings.ContainsRune(info.Comment[:1000], '\uFFFD') {
		t.Errorf("packets %+v, errors %v", got, errs)
	}
}

// TestWriterIsReadByTshark: an independent reader sees the same packets, times and comments.
func TestWriterIsReadByTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	packets, _, _ := collect(t, capture.Options{}, testcap.Path(t, "seed1_article.pcap"))
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, capture.WriterOptions{Comment: "evidence"})
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, p := range packets {
		p.Time += 7 // nanoseconds survive
		if err := w.Write(p, "frame of "+p.Time.Std().Format("15:04:05.000000000")); err != nil {
			t.Fatal(err)
		}
		want.WriteString(p.Time.Std().Format("15:04:05.000000000") + "\n")
	}
	path := write(t, t.TempDir(), "out.pcapng", out.Bytes())
	text, err := exec.Command(tshark, "-r", path, "-T", "fields", "-e", "frame.comment").Output()
	if err != nil {
		t.Skipf("tshark: %v", err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(want.String(), "\n", " "), strings.ReplaceAll(strings.ReplaceAll(string(text), "frame of ", ""), "\n", " ")); diff != "" {
		t.Errorf("comments (-written +tshark):\n%s", diff)
	}
	text, err = exec.Command(tshark, "-r", path, "-T", "fields", "-e", "frame.time_epoch").Output()
	if err != nil || !strings.HasPrefix(string(text), "1558833384.508718007\n") {
		t.Errorf("times %.40q, error %v", text, err)
	}
}

func TestPcapWriter(t *testing.T) {
	want := []capture.Packet{packet(1, 1_558_833_384_508_718_123, 276, 9, "abc"), packet(2, 5, 276, 0, "")}
	want[1].Data = []byte{}
	for _, micro := range []bool{false, true} {
		var out bytes.Buffer
		w, err := capture.NewPcapWriter(&out, capture.PcapOptions{Link: 276, Microseconds: micro})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range want {
			if err := w.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(packet(3, 0, 1, 1, "x")); err == nil {
			t.Error("a packet of another link type is taken")
		}
		if err := w.Write(packet(3, -1, 276, 1, "x")); err == nil {
			t.Error("a time before 1970 is taken")
		}
		got, _, errs := read(t, out.Bytes())
		expect := []capture.Packet{want[0], want[1]}
		if micro {
			expect[0].Time, expect[1].Time = 1_558_833_384_508_718_000, 0
		}
		if diff := cmp.Diff(expect, got); diff != "" || len(errs) > 0 {
			t.Errorf("microseconds %v: errors %v, packets (-want +got):\n%s", micro, errs, diff)
		}
	}
}

// failing is a writer that takes some bytes and then no more.
type failing struct{ left int }

var errFull = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterErrorStays(t *testing.T) {
	w, err := capture.NewWriter(&failing{left: 150}, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		err = w.Write(packet(1, 0, 1, 3, "abc"), "")
	}
	if !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
	if _, err := capture.NewPcapWriter(&failing{}, capture.PcapOptions{}); !errors.Is(err, errFull) {
		t.Errorf("header: error %v", err)
	}
}

// TestWriterThroughFile writes what a directory of captures is then read back from.
func TestWriterThroughFile(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(packet(1, 20, 1, 3, "abc"), "later"); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.pcapng", out.Bytes())
	write(t, dir, "b.pcap", smallPcap(10, 30))
	packets, files, errs := collect(t, capture.Options{}, dir)
	if got := places(packets, files); got != "b.pcap:1 a.pcapng:1 b.pcap:2" || len(errs) > 0 {
		t.Errorf("order %s, errors %v", got, errs)
	}
	if base := filepath.Base(files[1].Name); base != "a.pcapng" {
		t.Errorf("second file %s", base)
	}
}
