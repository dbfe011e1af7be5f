package live

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MaxStreams bounds the outputs that are written while a run goes on.
	MaxStreams = 8
	// queued is how many messages wait for a slow output, and queuedBytes how many bytes.
	queued      = 1024
	queuedBytes = 4 << 20
	// drainTime is how long the end of a run waits for a slow output.
	drainTime = 5 * time.Second
)

// stream writes messages in its own goroutine, so that a reader who does not read stops nothing. What does not fit its
// queue is skipped and counted.
type stream struct {
	messages chan []byte
	waiting  atomic.Int64 // bytes
	skipped  atomic.Int64
	done     chan struct{}
	mu       sync.Mutex
	err      error
	closing  sync.Once
}

func newStream(w io.Writer) *stream {
	s := &stream{messages: make(chan []byte, queued), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for m := range s.messages {
			_, err := w.Write(m)
			s.waiting.Add(-int64(len(m)))
			if err != nil {
				s.mu.Lock()
				if s.err == nil {
					s.err = err
				}
				s.mu.Unlock()
			}
		}
	}()
	return s
}

// send takes m, which must not be changed afterwards, or skips it.
func (s *stream) send(m []byte) {
	if s.waiting.Load()+int64(len(m)) > queuedBytes {
		s.skipped.Add(1)
		return
	}
	select {
	case s.messages <- m:
		s.waiting.Add(int64(len(m)))
	default:
		s.skipped.Add(1)
	}
}

// end sends the last message, however long it is, and waits until all is written, or for drainTime.
func (s *stream) end(last []byte) error {
	timeout := time.NewTimer(drainTime)
	defer timeout.Stop()
	var failed error
	s.closing.Do(func() {
		if len(last) > 0 {
			select {
			case s.messages <- last:
			case <-timeout.C:
				failed = os.ErrDeadlineExceeded
			}
		}
		close(s.messages)
	})
	if failed == nil {
		select {
		case <-s.done:
		case <-timeout.C:
			failed = os.ErrDeadlineExceeded
		}
	}
	if failed != nil {
		return fmt.Errorf("the output takes nothing: %w", failed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// logWriter gives a stream the form of an io.Writer, for warnings.
type logWriter struct{ s *stream }

// Write implements io.Writer; it never blocks.
func (w logWriter) Write(p []byte) (int, error) {
	w.s.send(bytes.Clone(p))
	return len(p), nil
}
