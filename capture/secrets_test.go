package capture_test

import (
	"bytes"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
)

// blocks collects the texts of blocks of secrets.
type blocks struct {
	whole []string
	part  []byte
}

func (b *blocks) take(text []byte, end bool) {
	b.part = append(b.part, text...)
	if end {
		b.whole = append(b.whole, string(b.part))
		b.part = b.part[:0]
	}
}

func (n ng) secrets(kind uint32, length int, text string, options ...[]byte) []byte {
	padded := []byte(text)
	for len(padded)%4 != 0 {
		padded = append(padded, 0)
	}
	return n.block(10, append([][]byte{n.u32(kind, uint32(length)), padded}, options...)...)
}

const keyLog = 0x544c534b

// TestSecretsAreHandedOver: before, between and behind packets, of both byte orders, larger than any window; those of other protocols not.
func TestSecretsAreHandedOver(t *testing.T) {
	large := strings.Repeat("CLIENT_RANDOM 00 00\n", 1<<16) // 1.3 MB
	for _, o := range orders {
		n := ng{o.order}
		file := join(n.section(), n.secrets(keyLog, 3, "abc", n.option(1, []byte("a comment")), n.option(0, nil)), n.iface(1, 0),
			n.enhanced(0, 1, 3, "one"), n.secrets(0x57474b4c, 4, "wire"), n.secrets(keyLog, len(large), large), n.secrets(keyLog, 0, ""),
			n.enhanced(0, 2, 3, "two"), n.secrets(keyLog, 4, "last"))
		want := []string{"abc", large, "", "last"}
		dir := t.TempDir()
		name := write(t, dir, "a.pcapng", file)
		zipped := write(t, dir, "b.pcapng.gz", gzipped(t, file))
		other := write(t, dir, "c.pcap", smallPcap(5, 6))

		var b blocks
		s, err := capture.Open([]string{"-"}, capture.Options{Stdin: iotest.HalfReader(bytes.NewReader(file)), Secrets: b.take})
		if err != nil {
			t.Fatal(err)
		}
		n2 := 0
		for _, err := range s.Packets() {
			if err != nil {
				t.Error(err)
			}
			n2++
		}
		if diff := cmp.Diff(want, b.whole); diff != "" || n2 != 2 {
			t.Errorf("%s, standard input: %.500s, %d packets", o.name, diff, n2)
		}
		s.Secrets()
		if len(b.whole) != len(want) {
			t.Error("standard input is read again")
		}

		for _, names := range [][]string{{name}, {zipped}, {name, other}, {zipped, other}} {
			b = blocks{}
			packets, _, errs := collect(t, capture.Options{Secrets: b.take}, names...)
			if diff := cmp.Diff(want, b.whole); diff != "" || len(errs) > 0 || len(packets) != 2*len(names) {
				t.Errorf("%s, %q: %.500s %v, %d packets", o.name, names, diff, errs, len(packets))
			}
		}
	}
}

// TestSecretsAreFoundAheadOfPackets: what stands behind the packets can be had before they are read.
func TestSecretsAreFoundAheadOfPackets(t *testing.T) {
	n := ng{orders[0].order}
	file := join(n.section(), n.iface(1, 0), n.secrets(keyLog, 1, "1"), n.enhanced(0, 1, 3, "one"), n.enhanced(0, 2, 3, "two"), n.secrets(keyLog, 1, "2"))
	only := join(n.section(), n.secrets(keyLog, 1, "3"))
	cut := n.secrets(keyLog, 7, "whole\n4")
	dir := t.TempDir()
	names := []string{write(t, dir, "a.pcapng", file), write(t, dir, "b.pcapng.zst", zstded(t, file)), write(t, dir, "c.pcapng", only),
		write(t, dir, "d.pcapng", join(file, cut[:len(cut)-6])), write(t, dir, "e.pcap", smallPcap(1))}
	var b blocks
	s, err := capture.Open(names, capture.Options{Secrets: b.take})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if b.whole != nil {
		t.Errorf("%q before anything is read", b.whole)
	}
	for _, err := range s.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	b = blocks{}
	s.Secrets()
	if diff := cmp.Diff([]string{"1", "2", "1", "2", "3", "1", "2", "whole\n"}, b.whole); diff != "" {
		t.Error(diff)
	}
	quiet, err := capture.Open(names, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	quiet.Secrets()
}

func TestDamagedSecretsAreSaid(t *testing.T) {
	n := ng{orders[1].order}
	head, tail := join(n.section(), n.iface(1, 0)), n.enhanced(0, 1, 3, "one")
	whole := n.secrets(keyLog, 4, "text")
	for name, c := range map[string]struct {
		file    []byte
		packets int
		want    []string
		cut     bool
		errs    int
	}{
		"longer than its block": {join(head, n.secrets(keyLog, 5, "text"), n.secrets(keyLog, 1<<31, ""), tail), 1, nil, false, 1},
		"without a length":      {join(head, n.block(10, n.u32(keyLog)), tail), 1, nil, false, 0},
		"empty":                 {join(head, n.block(10), tail), 1, nil, false, 0},
		"cut in the header":     {join(head, tail, whole[:13]), 1, nil, true, 1},
		"cut in the text":       {join(head, tail, whole[:18]), 1, []string{"te"}, true, 1},
		"cut behind the text":   {join(head, tail, whole[:21]), 1, []string{"text"}, true, 1},
	} {
		var b blocks
		s, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(c.file), Secrets: b.take})
		if err != nil {
			t.Fatal(err)
		}
		packets, errs := 0, 0
		for _, err := range s.Packets() {
			if err == nil {
				packets++
			} else if errs++; errors.Is(err, capture.ErrCut) != c.cut {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(c.want, b.whole); diff != "" || packets != c.packets || errs != c.errs {
			t.Errorf("%s: %s, %d packets, %d errors", name, diff, packets, errs)
		}
	}
}

func TestWriterWritesSecrets(t *testing.T) {
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"CLIENT_RANDOM 00 11\n", ""}
	for _, text := range want {
		if err := w.Secrets([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write(packet(1, 5, 1, 3, "abc"), ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Secrets(make([]byte, 16<<20+1)); !errors.Is(err, capture.ErrLimit) {
		t.Errorf("too many: %v", err)
	}
	var b blocks
	name := write(t, t.TempDir(), "a.pcapng", out.Bytes())
	packets, _, errs := collect(t, capture.Options{Secrets: b.take}, name)
	if diff := cmp.Diff(want, b.whole); diff != "" || len(packets) != 1 || len(errs) > 0 {
		t.Errorf("%s, %d packets, %v", diff, len(packets), errs)
	}
	if _, err := exec.LookPath("capinfos"); err != nil {
		t.Skip("capinfos is not installed")
	}
	text, err := exec.Command("capinfos", "-M", name).CombinedOutput()
	if err != nil || !regexp.MustCompile(`decryption secrets in file: +2\b`).Match(text) {
		t.Errorf("%v: %s", err, text)
	}
}
