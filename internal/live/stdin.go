package live

import (
	"context"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Stdin is a Source that reads a capture while it is being written: from a tcpdump on another host, in a container, or in
// a script. What arrives is analysed at once; while nothing does, the clock of the capture goes on with that of this host.
type Stdin struct {
	// secrets takes blocks of TLS secrets, as capture.Options.Secrets, on the goroutine of Packets; nil: they are stepped over.
	secrets func(text []byte, end bool)

	from io.Reader
	tick time.Duration

	start   sync.Once
	batches chan *stdinBatch
	free    chan *stdinBatch
	present *stdinBatch // what Packets was left in the middle of
	at      int
	done    chan struct{} // closed: nobody reads any more
	last    capture.Time  // of the latest packet
	arrived time.Time     // when it came
	info    capture.FileInfo
	names   atomic.Pointer[[]string] // of interfaces, for whoever writes packets meanwhile
}

// stdinBatch is packets on their way to the analysis; their data lie in arena.
type stdinBatch struct {
	packets []capture.Packet
	arena   []byte
	err     error
	info    capture.FileInfo // as of these packets

	secrets []byte // a piece of a block, before packets
	ends    bool   // the block ends with it
}

// stdinBatches is how many batches wait for the analysis. What more there is waits in the pipe.
const stdinBatches = 16

// ReadFrom makes a Source of a stream, which is read from the first call of Packets on.
func ReadFrom(r io.Reader) *Stdin {
	return &Stdin{
		from: r, tick: capture.DefaultTick, batches: make(chan *stdinBatch, stdinBatches), free: make(chan *stdinBatch, stdinBatches+1), done: make(chan struct{}),
	}
}

// Name is "-".
func (s *Stdin) Name() string { return "-" }

// Interfaces returns the names that the stream gives its interfaces, as far as it was read.
func (s *Stdin) Interfaces() []string {
	if names := s.names.Load(); names != nil {
		return *names
	}
	return nil
}

// Drops returns what the stream says the capturing side lost: a pcapng says so at its end, a pcap never.
func (s *Stdin) Drops() (capture.Drops, error) { return s.info.Drops, nil }

// Close says that no more is wanted. A read that waits for input goes on waiting.
func (s *Stdin) Close() error {
	close(s.done)
	return nil
}

// Packets implements Source. It ends with the stream.
func (s *Stdin) Packets(ctx context.Context) iter.Seq2[capture.Packet, error] {
	s.start.Do(func() { go s.read() })
	return func(yield func(capture.Packet, error) bool) {
		ticks := time.NewTicker(s.tick)
		defer ticks.Stop()
		for {
			for b := s.present; b != nil && s.at < len(b.packets); {
				p := b.packets[s.at]
				if s.at++; !yield(p, nil) {
					return
				}
			}
			if b := s.present; b != nil {
				s.present, s.at = nil, 0
				if b.err != nil && !yield(capture.Packet{}, b.err) {
					return
				}
				clear(b.secrets)
				b.packets, b.arena, b.err, b.secrets, b.ends = b.packets[:0], b.arena[:0], nil, b.secrets[:0], false
				select {
				case s.free <- b:
				default:
				}
			}
			select {
			case <-ctx.Done():
				return
			case b, more := <-s.batches:
				if !more {
					return
				}
				s.take(b)
			case now := <-ticks.C:
				if idle := now.Sub(s.arrived); s.last > 0 && idle >= s.tick && !yield(capture.Packet{Time: s.last.Add(idle)}, nil) {
					return
				}
			}
		}
	}
}

func (s *Stdin) take(b *stdinBatch) {
	if len(b.info.Interfaces) != len(s.info.Interfaces) {
		names := make([]string, len(b.info.Interfaces))
		for i := range names {
			names[i] = b.info.Interfaces[i].Name
		}
		s.names.Store(&names)
	}
	if s.secrets != nil && (len(b.secrets) > 0 || b.ends) {
		s.secrets(b.secrets, b.ends)
	}
	s.present, s.at, s.info = b, 0, b.info
	if n := len(b.packets); n > 0 {
		s.last, s.arrived = max(s.last, b.packets[n-1].Time), time.Now()
	}
}

// read copies what comes, in a goroutine of its own: the analysis must hear the clock while nothing does.
func (s *Stdin) read() {
	defer close(s.batches)
	o := capture.Options{Stdin: s.from}
	var info capture.FileInfo // of the latest batch
	if s.secrets != nil {
		o.Secrets = func(text []byte, end bool) {
			b := s.empty()
			b.secrets, b.ends, b.info = append(b.secrets, text...), end, info
			s.send(b)
		}
	}
	source, err := capture.Open([]string{"-"}, o)
	if err != nil {
		s.send(&stdinBatch{err: err})
		return
	}
	defer source.Close()
	for packets, err := range source.Batches() {
		b := s.empty()
		if b.err = err; err == nil {
			b.copy(packets)
		}
		if files := source.Files(); len(files) > 0 {
			b.info, info = files[0], files[0]
		}
		if !s.send(b) {
			return
		}
	}
	if files := source.Files(); len(files) > 0 {
		s.send(&stdinBatch{info: files[0]})
	}
}

func (s *Stdin) send(b *stdinBatch) bool {
	select {
	case s.batches <- b:
		return true
	case <-s.done:
		return false
	}
}

func (s *Stdin) empty() *stdinBatch {
	select {
	case b := <-s.free:
		return b
	default:
		return &stdinBatch{}
	}
}

func (b *stdinBatch) copy(packets []capture.Packet) {
	size := 0
	for i := range packets {
		size += len(packets[i].Data)
	}
	if cap(b.arena) < size {
		b.arena = make([]byte, 0, max(size, 1<<16))
	}
	b.packets = append(b.packets[:0], packets...)
	for i := range b.packets {
		p := &b.packets[i]
		at := len(b.arena)
		b.arena = append(b.arena, p.Data...)
		p.Data = b.arena[at:len(b.arena):len(b.arena)]
	}
}

// OfStdin says why what was asked for about an interface has no meaning for a stream; nil: nothing was.
func OfStdin(changed func(flag string) bool, interfaces []string) error {
	for _, name := range []string{"filter", "host", "snapshot-length", "buffer-size", "no-promiscuous-mode"} {
		if changed(name) {
			return refusef("-i - with --%s: what is captured is chosen where it is captured; --client and --server choose what is shown", name)
		}
	}
	if len(interfaces) > 1 {
		return refusef("-i - is a source of its own: name no other interface")
	}
	return nil
}

// IsStdin reports whether an interface stands for standard input.
func IsStdin(interfaces []string) bool {
	return slices.Contains(interfaces, "-")
}
