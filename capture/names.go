package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Ignored is a file of a named directory that was left out, with the reason.
type Ignored struct {
	Name   string
	Reason string
}

// input is one named or found file.
type input struct {
	origin
	path    string // empty for standard input
	listed  bool   // found in a directory: what is no capture is left out quietly
	regular bool   // can be opened again from its start
	size    int64  // of a regular file, in bytes
	first   Time   // of its first packet
	known   bool   // first is known
	s       *stream
	held    []error // met before the first packet and not yet reported
}

func newInput(name, path string, listed bool) *input {
	in := &input{path: path, listed: listed}
	in.info = &FileInfo{Name: name}
	return in
}

// expand turns names into inputs: directories into their files, in the order of names. A file that is named twice is
// read once.
func expand(names []string) ([]*input, []Ignored) {
	var inputs []*input
	var ignored []Ignored
	seen := make(map[string]bool)
	add := func(name string, listed bool) {
		key := name
		if abs, err := filepath.Abs(name); err == nil && name != "-" {
			key = abs
		}
		switch {
		case seen[key]:
			ignored = append(ignored, Ignored{name, "named twice"})
		case name == "-" && !listed:
			inputs = append(inputs, newInput(name, "", false))
		default:
			inputs = append(inputs, newInput(name, name, listed))
		}
		seen[key] = true
	}
	for _, name := range names {
		st, err := os.Stat(name)
		if name == "-" || err != nil || !st.IsDir() {
			add(name, false)
			continue
		}
		entries, err := os.ReadDir(name)
		found := len(inputs)
		for _, e := range entries {
			path := filepath.Join(name, e.Name())
			switch st, err := os.Stat(path); {
			case err != nil:
				ignored = append(ignored, Ignored{path, reason(err)})
			case st.IsDir() || strings.HasPrefix(e.Name(), "."):
			case !st.Mode().IsRegular():
				ignored = append(ignored, Ignored{path, "not a regular file"})
			default:
				add(path, true)
			}
		}
		if err != nil || len(inputs) == found {
			in := newInput(name, name, false)
			in.fatal(err, "directory without captures")
			inputs = append(inputs, in)
		}
	}
	return inputs, ignored
}

// fatal marks the input as unreadable.
func (in *input) fatal(err error, msg string) {
	e := in.notCapture(msg)
	if err != nil {
		e = &FormatError{File: in.info.Name, Msg: reason(err), Err: err}
	}
	in.info.Err = e
	in.held = []error{e}
}

// open opens the input from its start.
func (in *input) open(o Options, size int) error {
	f := o.Stdin
	var file *os.File
	if in.path != "" {
		var err error
		if file, err = os.Open(in.path); err != nil {
			return &FormatError{File: in.info.Name, Msg: reason(err), Err: err}
		}
		if st, err := file.Stat(); err == nil && st.Mode().IsRegular() {
			in.regular, in.size = true, st.Size()
		}
		f = file
	} else if f == nil {
		f = os.Stdin
	}
	*in.info = FileInfo{Name: in.info.Name}
	s, err := openStream(f, file, in.info, o, size)
	if err != nil {
		return err
	}
	in.s = s
	return nil
}

// probe opens the input and goes to its first packet, unless that would wait for one on a lone pipe.
func (in *input) probe(o Options, alone bool) {
	size := probeBytes
	if alone {
		size = windowBytes
	}
	if err := in.open(o, size); err != nil {
		in.info.Err = err
		in.held = append(in.held, err)
		return
	}
	if alone && !in.regular {
		in.known = true
		return
	}
	if r, ok := in.s.r.(*ngReader); ok && in.regular && !alone {
		r.secrets = nil // it is read again from its start
	}
	for {
		err := in.s.advance()
		if err == nil {
			in.first, in.known = in.s.cur.Time, true
			break
		}
		if err == io.EOF {
			break
		}
		in.held = append(in.held, err)
	}
	if in.regular && !alone {
		in.s.close()
		in.s = nil
		if in.known {
			in.held = nil // they will be met again
		}
	}
}

// start gives the open stream standing at its first packet, opening the input again if need be. Errors before that
// packet are reported with fail, which returns whether to go on.
func (in *input) start(o Options, fail func(error) bool) (*stream, bool) {
	for _, err := range in.held {
		if !fail(err) {
			return nil, false
		}
	}
	in.held = nil
	if !in.known {
		return nil, true
	}
	if in.s == nil {
		if err := in.open(o, windowBytes); err != nil {
			in.info.Err = err
			return nil, fail(err)
		}
	}
	for !in.s.loaded {
		err := in.s.advance()
		if err == io.EOF {
			in.s.close()
			return nil, true
		}
		if err != nil && !fail(err) {
			return nil, false
		}
	}
	return in.s, true
}

// reason says an error of the file system without the name, which the caller prints.
func reason(err error) string {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &p):
		return fmt.Sprintf("%s: %v", p.Op, p.Err)
	}
	return err.Error()
}

// Apart names the captures of directories one by one.
func Apart(names []string) []string {
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() {
			files = append(files, name)
			continue
		}
		dir, err := Open([]string{name}, Options{})
		if err != nil {
			files = append(files, name) // its analysis says the same
			continue
		}
		for _, f := range dir.Files() {
			files = append(files, f.Name)
		}
		dir.Close()
	}
	return files
}
