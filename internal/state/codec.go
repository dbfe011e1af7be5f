package state

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/respsniff/respsniff/capture"
)

// A file is a line with the format's version, and behind it, compressed by gzip, whose checksum guards it, numbers as varints
// and texts with their lengths before them:
//
//	ports, begun, last, left, what was told, the names of files, packets, marks
const (
	magic   = "respsniff state "
	version = "2"
)

// Bounds of a file. What is beyond them was not written by this program.
const (
	maxState = 256 << 20 // bytes, unpacked
	maxFiles = 1 << 16
	maxName  = 1 << 12
	maxTold  = 1 << 12 // findings
)

var errCorrupt = errors.New("the file is damaged")

// Open reads a file; a missing one is nil: nothing was analysed before.
func Open(path string) (*State, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Write writes s.
func (s *State) Write(w io.Writer) error {
	if _, err := io.WriteString(w, magic+version+"\n"); err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	e := encoder{w: z}
	e.number(int64(len(s.Ports)))
	for _, p := range s.Ports {
		e.number(int64(p))
	}
	e.number(int64(s.Begun))
	e.number(int64(s.Last))
	e.number(s.Left.Conns)
	e.number(s.Left.Packets)
	prints := slices.Sorted(maps.Keys(s.Told))
	prints = prints[:min(len(prints), maxTold)]
	e.number(int64(len(prints)))
	for _, print := range prints {
		e.text([]byte(print))
		e.number(int64(s.Told[print]))
	}
	e.number(int64(len(s.Files)))
	for _, name := range s.Files {
		e.text([]byte(name))
	}
	e.number(int64(len(s.Packets)))
	for i := range s.Packets {
		p := &s.Packets[i]
		for _, n := range []int64{int64(p.Time), p.Frame, int64(p.File) - firstFile, int64(p.Interface), int64(p.Link), int64(p.Length)} {
			e.number(n)
		}
		e.text(p.Data)
	}
	e.number(int64(len(s.Marks)))
	for _, m := range s.Marks {
		e.number(int64(m.Time))
		e.number(int64(m.Hash))
	}
	if e.err != nil {
		return e.err
	}
	return z.Close()
}

// encoder writes numbers and texts. The first error stays.
type encoder struct {
	w   io.Writer
	b   []byte
	err error
}

func (e *encoder) number(n int64) {
	e.b = binary.AppendVarint(e.b[:0], n)
	e.write(e.b)
}

func (e *encoder) text(b []byte) {
	e.number(int64(len(b)))
	e.write(b)
}

func (e *encoder) write(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
}

// Read reads a State. Errors are RefusedError for another version, and say what is wrong with a file that is none.
func Read(r io.Reader) (*State, error) {
	head := make([]byte, len(magic)+len(version)+1)
	if _, err := io.ReadFull(r, head); err != nil || !bytes.HasPrefix(head, []byte(magic)) {
		return nil, errors.New("this is no file of --state")
	}
	if string(head) != magic+version+"\n" {
		return nil, refuse("it is of another version of the format (%q, want %s): remove it to begin anew", head[len(magic):len(head)-1], version)
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, errCorrupt
	}
	var all bytes.Buffer
	switch n, err := io.Copy(&all, io.LimitReader(z, maxState+1)); {
	case err != nil:
		return nil, errCorrupt
	case n > maxState:
		return nil, fmt.Errorf("it holds more than %d bytes", maxState)
	}
	d := decoder{b: all.Bytes()}
	s := d.state()
	if d.bad || len(d.b) > 0 {
		return nil, errCorrupt
	}
	return s, nil
}

// decoder reads numbers and texts. After what cannot be read everything is 0.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) state() *State {
	s := &State{}
	for range d.count(1<<16, 1) {
		s.Ports = append(s.Ports, uint16(d.within(0, 1<<16-1)))
	}
	s.Begun, s.Last = capture.Time(d.number()), capture.Time(d.number())
	s.Left.Conns, s.Left.Packets = d.within(0, 1<<62), d.within(0, 1<<62)
	for range d.count(maxTold, 2) {
		if s.Told == nil {
			s.Told = map[string]int{}
		}
		print := string(d.text(maxName))
		s.Told[print] = int(d.within(0, 1<<53))
	}
	for range d.count(maxFiles, 1) {
		s.Files = append(s.Files, string(d.text(maxName)))
	}
	packets := d.count(maxState, 7)
	if packets > 0 {
		s.Packets = make([]capture.Packet, 0, min(packets, 1<<20))
	}
	for range packets {
		p := capture.Packet{Time: capture.Time(d.number()), Frame: d.within(0, 1<<62), File: firstFile + int32(d.within(0, maxFiles)), Interface: int32(d.within(0, 1<<30))}
		p.Link, p.Length = capture.LinkType(d.within(0, 1<<32-1)), int(d.within(0, 1<<31-1))
		p.Data = d.text(maxState)
		if d.bad = d.bad || int(p.File)-firstFile >= len(s.Files) || len(p.Data) > p.Length; d.bad {
			return s
		}
		s.Packets = append(s.Packets, p)
	}
	for range d.count(maxMarks, 2) {
		s.Marks = append(s.Marks, Mark{capture.Time(d.number()), uint64(d.number())})
	}
	return s
}

func (d *decoder) number() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) within(least, most int64) int64 {
	n := d.number()
	if n < least || n > most {
		d.bad, d.b = true, nil
		return least
	}
	return n
}

// count reads how many things of at least so many bytes follow.
func (d *decoder) count(most int64, size int) int64 {
	n := d.within(0, most)
	if n > int64(len(d.b)/size) {
		d.bad, d.b = true, nil
		return 0
	}
	return n
}

func (d *decoder) text(most int64) []byte {
	n := d.count(most, 1)
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}
