package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// livePart is a running 'respsniff live'.
type livePart struct {
	cmd   *exec.Cmd
	lines chan string // of standard output
	log   *logged
}

// logged is standard error so far.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// patience is how long a test waits for what the program or a server does in an instant, on a machine that is busy or
// stalls for a while. It fails only if the program hangs.
const patience = time.Minute

// eventually asks now and then whether something has come about, and reports whether it did.
func eventually(done func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return done()
}

// startLive begins to capture and waits until it does.
func startLive(t *testing.T, program string, stdout io.Writer, args ...string) *livePart {
	t.Helper()
	l := &livePart{cmd: exec.Command(program, append([]string{"live"}, args...)...), log: &logged{}, lines: make(chan string, 1<<16)}
	l.cmd.Stderr = l.log
	l.cmd.Stdout = stdout
	if stdout == nil {
		r, w := io.Pipe()
		l.cmd.Stdout = w
		go func() {
			defer close(l.lines)
			s := bufio.NewScanner(r)
			s.Buffer(nil, 16<<20)
			for s.Scan() {
				l.lines <- s.Text()
			}
		}()
		t.Cleanup(func() { w.Close() })
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.cmd.Process.Kill() // it may be over
		_ = l.cmd.Wait()
	})
	if !eventually(func() bool { return strings.Contains(l.log.String(), "capturing on") }) {
		t.Fatalf("live does not begin: %s", l.log)
	}
	return l
}

// stop interrupts it and returns its exit code.
func (l *livePart) stop(t *testing.T) int {
	t.Helper()
	if err := l.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	return l.wait(t)
}

func (l *livePart) wait(t *testing.T) int {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- l.cmd.Wait() }()
	select {
	case err := <-done:
		if c, ok := l.cmd.Stdout.(io.Closer); ok {
			c.Close()
		}
		var code *exec.ExitError
		if err != nil && !errors.As(err, &code) {
			t.Fatal(err)
		}
		return l.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("live does not end: %s", l.log)
		return -1
	}
}

// liveRow is a line of ndjson, as far as the tests look at it.
type liveRow struct {
	Type, Rule, Fingerprint, File string
	Count                         int
	Complete                      bool
	Quality                       struct {
		KernelDrops int64 `json:"kernel_drops"`
	}
	Summary struct {
		Packets, Commands, Connections int64
	}
}

// next waits for a line that is wanted.
func (l *livePart) next(t *testing.T, wanted func(liveRow) bool) (liveRow, bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				return liveRow{}, false
			}
			var s liveRow
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if wanted(s) {
				return s, true
			}
		case <-timeout:
			return liveRow{}, false
		}
	}
}

// lastRow reads the last line of ndjson.
func lastRow(t *testing.T, out []byte) (s liveRow) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &s); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return s
}

// analyzed gives the findings that analyze has in a file.
func analyzed(t *testing.T, file string, args ...string) []liveRow {
	t.Helper()
	var out, log bytes.Buffer
	code := run(t.Context(), nil, &out, &log, append([]string{"analyze", file, "-o", "ndjson"}, args...))
	if code != exitFindings {
		t.Errorf("analyze %s: exit code %d: %s", file, code, log.String())
	}
	var list []liveRow
	for line := range strings.Lines(out.String()) {
		var s liveRow
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		if s.Type == "finding" {
			list = append(list, s)
		}
	}
	return list
}
