package live

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// RecordOptions are where packets are written beside the analysis, and when a new file begins.
type RecordOptions struct {
	Path     string        // pcapng; "": nothing is written
	Force    bool          // overwrite files
	MaxBytes int64         // begin a new file after so many bytes; 0: no limit
	MaxTime  time.Duration // begin a new file after so long; 0: no limit
	Files    int           // keep the last so many; 0: all
}

// ring reports whether files have numbers.
func (o *RecordOptions) ring() bool { return o.MaxBytes > 0 || o.MaxTime > 0 }

const (
	// batchBytes is how much is handed to the writer at a time, and batches how many wait for a slow disk.
	batchBytes = 1 << 20
	batches    = 32
)

// batch is packets on their way to the disk; their data lie in arena.
type batch struct {
	packets []capture.Packet
	arena   []byte
	rotate  bool // begin a new file before these packets
}

// recorder writes packets in its own goroutine. What the disk does not take in time is left out and counted. Its methods
// belong to the goroutine of the analysis.
type recorder struct {
	o       *RecordOptions
	name    func(capture.Packet) string // of interfaces
	warn    func(string, ...any)
	open    *batch
	full    chan *batch
	free    chan *batch
	done    chan struct{}
	skipped int64 // packets
	failed  atomic.Bool

	// Of the writing goroutine.
	file    *os.File
	buffer  *bufio.Writer
	out     *capture.Writer
	bytes   int64
	began   capture.Time
	number  int
	written []string
}

// startRecorder opens the first file.
func startRecorder(o *RecordOptions, name func(capture.Packet) string, warn func(string, ...any)) (*recorder, error) {
	r := &recorder{o: o, name: name, warn: warn, open: &batch{}, full: make(chan *batch, batches), free: make(chan *batch, batches), done: make(chan struct{})}
	if err := r.next(); err != nil {
		return nil, refusef("-w: %v", err)
	}
	go r.run()
	return r, nil
}

// put copies a packet.
func (r *recorder) put(p *capture.Packet) {
	b := r.open
	if len(b.arena)+len(p.Data) > cap(b.arena) && len(b.packets) > 0 {
		r.flush()
		b = r.open
	}
	if cap(b.arena) < len(p.Data) || b.arena == nil {
		b.arena = make([]byte, 0, max(batchBytes, len(p.Data)))
	}
	at := len(b.arena)
	b.arena = append(b.arena, p.Data...)
	q := *p
	q.Data = b.arena[at:len(b.arena):len(b.arena)]
	b.packets = append(b.packets, q)
}

// flush hands over what is there, or leaves it out.
func (r *recorder) flush() {
	b := r.open
	if len(b.packets) == 0 && !b.rotate {
		return
	}
	select {
	case r.full <- b:
		select {
		case r.open = <-r.free:
		default:
			r.open = &batch{}
		}
	default:
		r.skipped += int64(len(b.packets))
		b.packets, b.arena = b.packets[:0], b.arena[:0]
	}
}

// rotate begins a new file.
func (r *recorder) rotate() {
	r.flush()
	r.open.rotate = true
	r.flush()
}

// close writes what is left.
func (r *recorder) close() {
	r.flush()
	close(r.full)
	<-r.done
}

func (r *recorder) run() {
	defer close(r.done)
	for b := range r.full {
		if !r.failed.Load() {
			if err := r.write(b); err != nil {
				r.failed.Store(true)
				r.warn("-w: %v; nothing more is recorded", err)
			}
		}
		b.packets, b.arena, b.rotate = b.packets[:0], b.arena[:0], false
		select {
		case r.free <- b:
		default:
		}
	}
	if err := r.end(); err != nil && !r.failed.Load() {
		r.warn("-w: %v", err)
	}
}

func (r *recorder) write(b *batch) error {
	if b.rotate {
		if err := r.next(); err != nil {
			return err
		}
	}
	for _, p := range b.packets {
		if r.o.MaxBytes > 0 && r.bytes >= r.o.MaxBytes || r.o.MaxTime > 0 && r.began > 0 && p.Time.Sub(r.began) >= r.o.MaxTime {
			if err := r.next(); err != nil {
				return err
			}
		}
		if r.began == 0 {
			r.began = p.Time
		}
		if err := r.out.Write(p, ""); err != nil {
			return err
		}
	}
	return r.buffer.Flush()
}

// Write counts what goes to the file.
func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.file.Write(p)
	r.bytes += int64(n)
	return n, err
}

// next ends the file and begins another.
func (r *recorder) next() error {
	if err := r.end(); err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if r.o.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	path := r.o.Path
	if r.number++; r.o.ring() {
		path = numbered(r.o.Path, r.number)
	} else if r.number > 1 {
		if _, err := os.Lstat(path); err == nil { // not moved away by whoever asked for a new file
			path = numbered(r.o.Path, r.number)
		}
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	r.file, r.bytes, r.began = f, 0, 0
	r.buffer = bufio.NewWriterSize(r, 1<<18)
	if r.out, err = capture.NewWriter(r.buffer, capture.WriterOptions{InterfaceName: r.name}); err != nil {
		return err
	}
	r.written = append(r.written, path)
	for r.o.Files > 0 && len(r.written) > r.o.Files {
		if err := os.Remove(r.written[0]); err != nil {
			r.warn("-b: %v", err)
		}
		r.written = r.written[1:]
	}
	if r.o.Files == 0 {
		r.written = r.written[:0]
	}
	return r.buffer.Flush()
}

func (r *recorder) end() error {
	if r.file == nil {
		return nil
	}
	err := errors.Join(r.buffer.Flush(), r.file.Close())
	r.file = nil
	return err
}

// numbered puts a number before the extension.
func numbered(path string, n int) string {
	ext := filepath.Ext(path)
	return fmt.Sprintf("%s_%05d%s", strings.TrimSuffix(path, ext), n, ext)
}
