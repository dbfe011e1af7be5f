package keylog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Environment is the variable that names a key log to programs that use TLS.
const Environment = "SSLKEYLOGFILE"

// ReadFiles reads key logs. environment is what Environment names, or "": it is set for other programs too, and
// may name one that is not there. warn and detail take what there is to say of files, without secrets.
func (l *Log) ReadFiles(names []string, environment string, warn, detail func(format string, args ...any)) error {
	for _, name := range names {
		if err := l.readFile(name, warn, detail); err != nil {
			return err
		}
	}
	if environment != "" {
		if err := l.readFile(environment, warn, detail); err != nil {
			warn("%s: %v", Environment, err)
		}
	}
	return nil
}

func (l *Log) readFile(name string, warn, detail func(format string, args ...any)) error {
	before := l.stats
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := l.Read(f); err != nil {
		return err
	}
	found := l.stats.since(before)
	if found.Lines == found.Bad+found.Unknown {
		warn("%s holds no secrets of TLS", name)
	}
	detail("%s: %s", name, found.describe())
	return nil
}

func (s Stats) since(before Stats) Stats {
	return Stats{
		s.Lines - before.Lines, s.Used - before.Used, s.Other - before.Other, s.Doubled - before.Doubled,
		s.Conflicting - before.Conflicting, s.Bad - before.Bad, s.Unknown - before.Unknown,
	}
}

// describe says what was found: "secrets: 12, damaged lines: 3".
func (s Stats) describe() string {
	text := fmt.Sprintf("secrets: %d", s.Used)
	for _, x := range []struct {
		what string
		n    int64
	}{
		{"doubled lines", s.Doubled},
		{"lines that contradict earlier ones", s.Conflicting},
		{"lines that are not needed", s.Other},
		{"lines of unknown kinds", s.Unknown},
		{"damaged lines", s.Bad},
	} {
		if x.n > 0 {
			text += fmt.Sprintf(", %s: %d", x.what, x.n)
		}
	}
	return text
}

// Follower reads key logs into a log as they grow. It is used by one goroutine.
type Follower struct {
	log   *Log
	files []*followed
}

// followed is one file. What is no regular file, such as a pipe, is read by a goroutine of its own.
type followed struct {
	name   string
	stream *Stream
	file   *os.File // nil: it is not there, or is read by the goroutine
	offset int64
	buf    []byte
	pieces chan []byte // nil: it has ended
	piped  bool        // it is no regular file
	failed bool        // an error was returned
}

// pieceBytes is how much is read of a file at once.
const pieceBytes = 1 << 16

// Follow returns a reader of key logs that grow.
func (l *Log) Follow() *Follower { return &Follower{log: l} }

// Add opens a key log and reads what it has. One that is not there yet is looked for by Check.
func (f *Follower) Add(name string) (there bool, err error) {
	x := &followed{name: name, stream: f.log.Stream(), buf: make([]byte, pieceBytes)}
	f.files = append(f.files, x)
	if err := x.open(); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		x.failed = true
		return false, err
	}
	return true, x.read()
}

// open opens the file anew and closes the one that was open.
func (x *followed) open() error {
	file, err := os.Open(x.name)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	x.close()
	if info.Mode().IsRegular() {
		x.file, x.offset = file, 0
		return nil
	}
	if info.IsDir() {
		file.Close()
		return &fs.PathError{Op: "read", Path: x.name, Err: errors.New("is a directory")}
	}
	x.piped, x.pieces = true, make(chan []byte, 16)
	go pump(file, x.pieces)
	return nil
}

// pump reads a file to its end, in pieces.
func pump(file *os.File, pieces chan<- []byte) {
	defer close(pieces)
	defer file.Close()
	for {
		piece := make([]byte, pieceBytes)
		n, err := file.Read(piece)
		if n > 0 {
			pieces <- piece[:n]
		}
		if err != nil {
			return
		}
	}
}

// read takes what was added.
func (x *followed) read() error {
	for x.pieces != nil {
		select {
		case piece, more := <-x.pieces:
			if x.stream.Write(piece); !more {
				x.stream.Flush()
				x.pieces = nil
			}
			continue
		default:
		}
		return nil
	}
	if x.file == nil {
		return nil
	}
	for {
		n, err := x.file.Read(x.buf)
		x.stream.Write(x.buf[:n])
		x.offset += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Poll reads what was added to the files. It costs one call of the system for each where that is nothing; an error is met again by
// Check.
func (f *Follower) Poll() {
	for _, x := range f.files {
		if x.file == nil && !x.piped {
			_ = x.open()
		}
		_ = x.read()
	}
}

// Check does what Poll does, and looks for files that came, were cut to begin anew, or were replaced. It returns an error once for
// each file; whatever else there is goes on.
func (f *Follower) Check() error {
	var all []error
	for _, x := range f.files {
		if err := x.check(); err != nil && !x.failed {
			x.failed = true
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (x *followed) check() error {
	if err := x.read(); err != nil {
		return err
	}
	if x.piped {
		return nil
	}
	there, err := os.Stat(x.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // not yet, or being replaced
	}
	if err != nil {
		return err
	}
	if x.file != nil {
		mine, err := x.file.Stat()
		if err != nil {
			return err
		}
		if os.SameFile(mine, there) && mine.Size() >= x.offset {
			return nil
		}
		if os.SameFile(mine, there) {
			x.stream.Flush()
			x.offset = 0
			if _, err := x.file.Seek(0, io.SeekStart); err != nil {
				return err
			}
			return x.read()
		}
	}
	if err := x.open(); err != nil {
		return err
	}
	return x.read()
}

func (x *followed) close() {
	if x.file != nil {
		x.stream.Flush()
		x.file.Close()
		x.file = nil
	}
}

// Close takes unfinished lines for whole ones and closes the files. A read of a pipe goes on waiting.
func (f *Follower) Close() {
	for _, x := range f.files {
		x.close()
	}
}
