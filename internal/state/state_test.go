package state

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
)

// sample is a State with everything in it.
func sample() *State {
	return &State{
		Ports: []uint16{6379, 6380}, Begun: 5, Last: 9, Files: []string{"a.pcap", "-"}, Left: Left{1, 2}, Told: map[string]int{"RS101-0123456789ab": 7},
		Packets: []capture.Packet{
			{Time: 5, Frame: 1, File: firstFile, Link: capture.LinkEthernet, Length: 9, Data: []byte("abc")},
			{Time: 9, Frame: 1 << 40, File: firstFile + 1, Interface: 3, Link: capture.LinkSLL2, Length: 1, Data: []byte("x")},
		},
		Marks: []Mark{{5, 1 << 63}, {9, 7}},
	}
}

func written(t testing.TB, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadWhatWasWritten(t *testing.T) {
	for _, s := range []*State{sample(), {}} {
		got, err := Read(bytes.NewReader(written(t, s)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestDamagedFilesAreRefused damages a file in every byte.
func TestDamagedFilesAreRefused(t *testing.T) {
	whole := written(t, sample())
	for n := range whole {
		if _, err := Read(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("the first %d of %d bytes are read", n, len(whole))
		}
		b := slices.Clone(whole)
		b[n] ^= 0x41
		if s, err := Read(bytes.NewReader(b)); err == nil && cmp.Diff(s, sample()) != "" {
			t.Errorf("byte %d is another one, and another state is read", n)
		}
	}
	later := bytes.Replace(whole, []byte("state "+version+"\n"), []byte("state 9\n"), 1)
	refused := (*RefusedError)(nil)
	if _, err := Read(bytes.NewReader(later)); !errors.As(err, &refused) || !strings.Contains(err.Error(), "another version") {
		t.Errorf("another version: %v", err)
	}
	if _, err := Read(strings.NewReader("#!/bin/sh\necho this is no state\n")); err == nil || !strings.Contains(err.Error(), "no file of --state") {
		t.Errorf("another file: %v", err)
	}
}

func TestMissingFileIsNoState(t *testing.T) {
	if s, err := Open(filepath.Join(t.TempDir(), "none")); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// FuzzRead reads what is behind the compression, so that the checksum hides nothing.
func FuzzRead(f *testing.F) {
	z, err := gzip.NewReader(bytes.NewReader(written(f, sample())[len(magic)+2:]))
	if err != nil {
		f.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{b: b}
		s := d.state()
		if d.bad || len(d.b) > 0 {
			return
		}
		again, err := Read(bytes.NewReader(written(t, s)))
		if err != nil {
			t.Fatalf("what was read is not read again: %v", err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Fatal(diff)
		}
		known, _ := s.Known(analysis.Options{}, nil)
		_ = known
	})
}

// TestOrderOfFiles hands files over in every wrong order.
func TestOrderOfFiles(t *testing.T) {
	all := longTalk(t, false, 300)
	pieces := parted(all, 3)
	first := analysed(t, pieces[0], nil, true, 0, analysis.Options{}).kept
	second := analysed(t, pieces[1], first, true, 0, analysis.Options{}).kept
	run := func(s *State, packets []capture.Packet) error {
		for _, err := range s.Before(inBatches(packets), &Follows{}) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	for name, c := range map[string]struct {
		state *State
		next  []capture.Packet
		says  string // "": it follows
	}{
		"the next":          {first, pieces[1], ""},
		"one is missing":    {first, pieces[2], ""},
		"the same":          {second, pieces[1], "it is that file, or an earlier one"},
		"an earlier one":    {second, pieces[0], "it is that file, or an earlier one"},
		"no state":          {nil, pieces[0], ""},
		"nothing in it yet": {&State{}, pieces[0], ""},
	} {
		err := run(c.state, c.next)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second.Fits([]uint16{6379}); err == nil || !strings.Contains(err.Error(), "ports") {
		t.Errorf("other ports: %v", err)
	}
	forgetful := *second
	forgetful.Marks = forgetful.Marks[len(forgetful.Marks)-3:]
	if err := run(&forgetful, all[len(pieces[0])+20:]); err == nil || !strings.Contains(err.Error(), "more than it remembers") {
		t.Errorf("an overlap that is not remembered: %v", err)
	}
}

// TestOverlapAndGap: packets that stand in two files count once, and what lies between two files is said.
func TestOverlapAndGap(t *testing.T) {
	all := longTalk(t, false, 900)
	whole := analysed(t, all, nil, false, 0, analysis.Options{})
	cut := len(all) / 2
	first := analysed(t, all[:cut], nil, true, 0, analysis.Options{})
	for _, overlap := range []int{0, 1, 40, 200} {
		r := analysed(t, all[cut-overlap:], first.kept, true, 0, analysis.Options{})
		if got := first.misreads + r.misreads; got != whole.misreads || r.how.Skipped != int64(overlap) {
			t.Errorf("overlap of %d: %d misread calls, want %d; %d packets left out", overlap, got, whole.misreads, r.how.Skipped)
		}
	}
	if r := analysed(t, all[cut+200:], first.kept, true, 0, analysis.Options{}); r.how.Gap < 300*time.Millisecond || r.how.Skipped != 0 {
		t.Errorf("gap %v, %d packets left out", r.how.Gap, r.how.Skipped)
	}
}

// TestNoSecretIsKept looks into the file.
func TestNoSecretIsKept(t *testing.T) {
	s := analysed(t, longTalk(t, false, 50), nil, true, 0, analysis.Options{}).kept
	var all []byte
	for _, p := range s.Packets {
		all = append(all, p.Data...)
	}
	if bytes.Contains(all, []byte("hunter2")) || !bytes.Contains(all, []byte("AUTH")) {
		t.Error("the password of AUTH is in the state, or AUTH is not")
	}
}

// TestSizeIsBounded keeps far more connections than fit: all open, and none ever at rest.
func TestSizeIsBounded(t *testing.T) {
	const limit = 300 << 10
	var b strings.Builder
	b.WriteString("host app 10.0.0.1\nhost redis 10.0.0.2\nrepeat 400 { conn c{i} app:{20000+i} -> redis:6379 }\n")
	b.WriteString("1.0 repeat 400 every 1ms { c{i} > GET a => $b }\n2.0 repeat 400 every 1ms { c{i} > GET a }\n3.0 repeat 400 every 1ms { c{i} > GET d }\n")
	r := analysed(t, packetsOf(t, b.String()), nil, true, limit, analysis.Options{})
	size := 0
	for _, p := range r.kept.Packets {
		size += packetCost + len(p.Data)
	}
	if size > limit || size < limit/2 || r.left.Conns == 0 {
		t.Errorf("%d bytes are kept, at most %d should be; left %+v", size, limit, r.left)
	}
}

// TestSaveReplacesWhole: the file is there whole, for its owner only, or as it was.
func TestSaveReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	c, err := NewCarrier(path, analysis.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Save(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a run without packets wrote a state")
	}
	for range c.keeper.Packets(inBatches(longTalk(t, true, 3))) {
	}
	if err := c.Save(func(int32) string { return "a.pcap" }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := NewCarrier(path, analysis.Options{Ports: []uint16{1}}, nil); err == nil {
		t.Error("other ports are accepted")
	}
	if _, err := NewCarrier(filepath.Join(path, "x"), analysis.Options{}, nil); err == nil {
		t.Error("a path below a file is accepted")
	}
}
