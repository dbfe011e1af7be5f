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

// describe says what was found: "12 secrets, 3 lines that are damaged".
func (s Stats) describe() string {
	text := fmt.Sprintf("%d secrets", s.Used)
	for _, x := range []struct {
		n    int64
		what string
	}{
		{s.Doubled, "lines doubled"},
		{s.Conflicting, "lines that contradict earlier ones"},
		{s.Other, "lines of secrets that are not needed"},
		{s.Unknown, "lines of unknown kinds"},
		{s.Bad, "lines that are damaged"},
	} {
		if x.n > 0 {
			text += fmt.Sprintf(", %d %s", x.n, x.what)
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
	pieces chan []byte
	failed bool // an error was returned
}

// pieceBytes is how much is read of a file at once.
const pieceBytes = 1 << 16

// Follow opens key logs and reads what they have. One that does not exist yet is looked for by Check.
func (l *Log) Follow(names ...string) (*Follower, error) {
	f := &Follower{log: l}
	for _, name := range names {
		x := &followed{name: name, stream: l.Stream()}
		f.files = append(f.files, x)
		if err := x.open(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.Close()
			return nil, err
		}
		if err := x.read(); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
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
	x.pieces = make(chan []byte, 16)
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
	for buf := make([]byte, pieceBytes); ; {
		n, err := x.file.Read(buf)
		x.stream.Write(buf[:n])
		x.offset += int64(n)
		if errors.Is(err, io.EOF) {
			clear(buf)
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Poll reads what was added to the files. It costs one read of each where that is nothing; an error is met again by Check.
func (f *Follower) Poll() {
	for _, x := range f.files {
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
	if x.pieces != nil {
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
	} else if !there.Mode().IsRegular() {
		return nil // a pipe that ended
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
