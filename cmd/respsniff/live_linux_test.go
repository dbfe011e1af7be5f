package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLive runs the program as a process of its own: it gives rights up, which a test process must not.
func TestLive(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("capturing needs root")
	}
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
	if err != nil {
		t.Skipf("no packet sockets here: %v", err)
	}
	syscall.Close(fd)
	dir, err := os.MkdirTemp("", "respsniff-live-") // not t.TempDir, which others may not read
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "respsniff")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, test := range map[string]func(*testing.T, string){
		"finds a desync":      liveFindsDesync,
		"healthy benchmark":   liveHealthyBenchmark,
		"drops rights":        liveDropsRights,
		"without rights":      liveWithoutRights,
		"cannot start":        liveCannotStart,
		"limits and rotation": liveLimitsAndRotation,
		"slow output":         liveSlowOutput,
		"short soak":          liveShortSoak,
	} {
		t.Run(name, func(t *testing.T) { test(t, program) })
	}
}

// liveCannotStart gives what fails once the interface is open: an error with the right exit code, and no stack.
func liveCannotStart(t *testing.T, program string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tc := range []struct {
		args []string
		code int
		word string
	}{
		{[]string{"--metrics", l.Addr().String()}, exitUsage, "in use"},
		{[]string{"-Z", "no-such-user"}, exitIncomplete, "no-such-user"},
		{[]string{"-w", "/no/such/directory/x.pcapng"}, exitUsage, "/no/such/directory"},
		{[]string{"-o", "json=/no/such/directory/x.json"}, exitUsage, "/no/such/directory"},
		{[]string{"-o", "html=" + program}, exitUsage, "exists"},
		{[]string{"-Z", "nobody", "-o", "json=/proc/x.json"}, exitUsage, "/proc"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, append([]string{"live", "-i", "lo"}, tc.args...)...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != tc.code || !bytes.Contains(out, []byte(tc.word)) || bytes.Contains(out, []byte("goroutine")) {
			t.Errorf("%q: exit code %d, want %d with %q:\n%s", tc.args, code, tc.code, tc.word, out)
		}
	}
}

// redisServer starts a server on a free loopback port.
func redisServer(t *testing.T) int {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server here")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command(program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--loglevel", "warning")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be over
		_ = cmd.Wait()
	})
	for range 200 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return port
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("redis-server does not listen")
	return 0
}

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
	for range 400 {
		if strings.Contains(l.log.String(), "capturing on") {
			return l
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("live does not begin: %s", l.log)
	return nil
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
	case <-time.After(20 * time.Second):
		t.Fatalf("live does not end: %s", l.log)
		return -1
	}
}

// said is a line of ndjson, as far as the tests look at it.
type said struct {
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
func (l *livePart) next(t *testing.T, within time.Duration, wanted func(said) bool) (said, bool) {
	t.Helper()
	timeout := time.After(within)
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				return said{}, false
			}
			var s said
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if wanted(s) {
				return s, true
			}
		case <-timeout:
			return said{}, false
		}
	}
}

// caller is a Redis client with one connection, which it goes on using after a timeout.
type caller struct {
	net.Conn
	r *bufio.Reader
}

func dialCaller(t *testing.T, port int) *caller {
	t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &caller{c, bufio.NewReader(c)}
}

// call sends a command and reads whatever reply comes next, for at most wait.
func (c *caller) call(wait time.Duration, args ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(c, b.String()); err != nil {
		return "", err
	}
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	line, err := c.r.ReadString('\n')
	if err != nil || line[0] != '$' || line[1] == '-' {
		return strings.TrimSpace(line), err
	}
	body, err := c.r.ReadString('\n')
	return strings.TrimSpace(body), err
}

func (c *caller) must(t *testing.T, args ...string) string {
	t.Helper()
	s, err := c.call(5*time.Second, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return s
}

// goDirty works for a while, lets a command time out while the server is paused, and goes on with the connection. It
// returns when it wrote the command that made the connection dirty.
func goDirty(t *testing.T, port int) time.Time {
	t.Helper()
	control := dialCaller(t, port)
	var pool []*caller
	for i := range 4 {
		c := dialCaller(t, port)
		pool = append(pool, c)
		c.must(t, "SET", fmt.Sprint("key", i), fmt.Sprint("value", i))
	}
	for n := range 100 {
		for i, c := range pool {
			if got := c.must(t, "GET", fmt.Sprint("key", i)); got != fmt.Sprint("value", i) {
				t.Fatalf("round %d: %q", n, got)
			}
		}
	}
	control.must(t, "CLIENT", "PAUSE", "700")
	victim := pool[0]
	if got, err := victim.call(300*time.Millisecond, "GET", "key1"); err == nil {
		t.Fatalf("the server answered %q although it was paused", got)
	}
	act := time.Now()
	if got, err := victim.call(3*time.Second, "GET", "key0"); err != nil || got != "value1" {
		t.Fatalf("the client did not read the late reply: %q %v", got, err)
	}
	for range 5 {
		victim.must(t, "GET", "key2")
		time.Sleep(20 * time.Millisecond)
	}
	return act
}

func liveFindsDesync(t *testing.T, program string) {
	port := redisServer(t)
	for _, device := range []string{"lo", "any"} {
		t.Run(device, func(t *testing.T) {
			dir := t.TempDir()
			recorded := filepath.Join(dir, "all.pcapng")
			l := startLive(t, program, nil, "-i", device, "--port", strconv.Itoa(port), "-o", "ndjson", "--evidence", dir, "-w", recorded)
			act := goDirty(t, port)
			var found said
			for _, rule := range []string{"RS101", "RS103"} {
				s, ok := l.next(t, time.Until(act.Add(2*time.Second)), func(s said) bool { return s.Type == "finding" && s.Rule == rule })
				if !ok {
					t.Fatalf("no %s within 2 s of the act: %s", rule, l.log)
				}
				t.Logf("%s %v after the act", rule, time.Since(act).Round(time.Millisecond))
				if rule == "RS101" {
					found = s
				}
			}
			if code := l.stop(t); code != exitFindings {
				t.Errorf("exit code %d: %s", code, l.log)
			}
			kept := ""
			last, ok := l.next(t, 10*time.Second, func(s said) bool {
				if s.Type == "evidence" && s.Fingerprint == found.Fingerprint {
					kept = s.File
				}
				return s.Type == "summary"
			})
			if !ok || !last.Complete || last.Quality.KernelDrops != 0 {
				t.Errorf("the last line: %+v", last)
			}
			for _, file := range []string{kept, recorded} {
				findings := analyzed(t, file)
				if !slices.ContainsFunc(findings, func(s said) bool { return s.Rule == "RS101" && s.Fingerprint == found.Fingerprint }) {
					t.Errorf("analyze %s: %+v, want %s", file, findings, found.Fingerprint)
				}
			}
			info, err := os.Stat(kept)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v %v", info, err)
			}
			if tshark, err := exec.LookPath("tshark"); err == nil {
				out, err := exec.Command(tshark, "-r", kept, "-Y", "frame.comment contains \"RS101\"").CombinedOutput()
				if err != nil || len(bytes.TrimSpace(out)) == 0 {
					t.Errorf("tshark shows no comment: %v\n%s", err, out)
				}
			}
		})
	}
}

// analyzed gives the findings that analyze has in a file.
func analyzed(t *testing.T, file string) []said {
	t.Helper()
	var out, log bytes.Buffer
	code := run(t.Context(), nil, &out, &log, []string{"analyze", file, "-o", "ndjson"})
	if code != exitFindings {
		t.Errorf("analyze %s: exit code %d: %s", file, code, log.String())
	}
	var list []said
	for line := range strings.Lines(out.String()) {
		var s said
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		if s.Type == "finding" {
			list = append(list, s)
		}
	}
	return list
}

func liveHealthyBenchmark(t *testing.T, program string) {
	bench, err := exec.LookPath("redis-benchmark")
	if err != nil {
		t.Skip("no redis-benchmark here")
	}
	port := redisServer(t)
	l := startLive(t, program, nil, "-i", "lo", "--port", strconv.Itoa(port), "-o", "ndjson")
	for _, args := range [][]string{{"-n", "30000", "-t", "set,get"}, {"-n", "30000", "-t", "set,lpush", "-P", "16"}} {
		if out, err := exec.Command(bench, append([]string{"-p", strconv.Itoa(port), "-q"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	time.Sleep(200 * time.Millisecond)
	if code := l.stop(t); code != exitClean {
		t.Errorf("exit code %d: %s", code, l.log)
	}
	last, ok := l.next(t, 10*time.Second, func(s said) bool {
		// On a crowded machine the server does stand still at times (RS401), and says so.
		if s.Type == "finding" && !strings.HasPrefix(s.Rule, "RS4") {
			t.Errorf("found in healthy traffic: %+v", s)
		}
		return s.Type == "summary"
	})
	if !ok || last.Summary.Commands < 120000 || last.Quality.KernelDrops != 0 {
		t.Errorf("%+v", last)
	}
}

func liveDropsRights(t *testing.T, program string) {
	for _, c := range []struct {
		args []string
		uid  string
	}{{nil, "0"}, {[]string{"-Z", "nobody"}, ""}} {
		l := startLive(t, program, nil, append([]string{"-i", "lo", "--port", "1"}, c.args...)...)
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", l.cmd.Process.Pid))
		if err != nil || len(tasks) == 0 {
			t.Fatal(err)
		}
		for _, task := range tasks {
			b, err := os.ReadFile(task)
			if err != nil {
				continue // the thread is over
			}
			status := string(b)
			for _, want := range []string{`(?m)^CapEff:\s0+$`, `(?m)^CapPrm:\s0+$`, `(?m)^NoNewPrivs:\s1$`} {
				if !regexp.MustCompile(want).MatchString(status) {
					t.Errorf("%v: %s does not match %s", c.args, task, want)
				}
			}
			if root := regexp.MustCompile(`(?m)^Uid:\s0\s`).MatchString(status); root != (c.uid == "0") {
				t.Errorf("%v: root %v", c.args, root)
			}
		}
		if code := l.stop(t); code != exitClean {
			t.Errorf("%v: exit code %d: %s", c.args, code, l.log)
		}
	}
}

func liveWithoutRights(t *testing.T, program string) {
	cmd := exec.Command(program, "live", "-i", "lo")
	cmd.Dir = "/"
	cmd.Env = []string{"HOME=/"} // that of root is closed to others
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != exitIncomplete || !strings.Contains(string(out), "setcap cap_net_raw=ep ") {
		t.Errorf("%v: %s", err, out)
	}
}

func liveLimitsAndRotation(t *testing.T, program string) {
	port := redisServer(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "a.pcapng")
	l := startLive(t, program, nil, "-i", "lo", "--port", strconv.Itoa(port), "-w", file, "-c", "200", "-o", "ndjson")
	c := dialCaller(t, port)
	for range 20 {
		c.must(t, "PING")
	}
	time.Sleep(100 * time.Millisecond)
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(400 * time.Millisecond)
	for range 150 {
		c.must(t, "PING")
	}
	if code := l.wait(t); code != exitClean {
		t.Errorf("exit code %d: %s", code, l.log)
	}
	last, ok := l.next(t, 5*time.Second, func(s said) bool { return s.Type == "summary" })
	if !ok || last.Summary.Packets != 200 {
		t.Errorf("-c 200: %+v", last)
	}
	var sum int64
	for _, name := range []string{file + ".1", file} {
		var out, log bytes.Buffer
		if code := run(t.Context(), nil, &out, &log, []string{"analyze", name, "-o", "ndjson"}); code != exitClean {
			t.Errorf("%s: exit code %d: %s", name, code, log.String())
		}
		s := lastSaid(t, out.Bytes())
		if s.Summary.Packets == 0 {
			t.Errorf("%s is empty", name)
		}
		sum += s.Summary.Packets
	}
	if sum != 200 {
		t.Errorf("%d packets were recorded", sum)
	}
}

// liveSlowOutput gives it a pipe that nobody reads: the capture goes on, and the end comes.
func liveSlowOutput(t *testing.T, program string) {
	port := redisServer(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const page = 4096
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, page); err != nil {
		t.Skip(err)
	}
	if _, err := w.Write(make([]byte, page)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.pcapng")
	l := startLive(t, program, w, "-i", "lo", "--port", strconv.Itoa(port), "-o", "ndjson", "--interval", "1ms", "-w", file)
	c := dialCaller(t, port)
	for range 3000 {
		c.must(t, "PING")
	}
	time.Sleep(500 * time.Millisecond)
	if code := l.stop(t); code != exitIncomplete {
		t.Errorf("exit code %d: %s", code, l.log)
	}
	var out, log bytes.Buffer
	run(t.Context(), nil, &out, &log, []string{"analyze", file, "-o", "ndjson"})
	if s := lastSaid(t, out.Bytes()); s.Summary.Commands != 3000 {
		t.Errorf("%d commands were recorded, want 3000", s.Summary.Commands)
	}
}

// lastSaid reads the last line of ndjson.
func lastSaid(t *testing.T, out []byte) (s said) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &s); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return s
}

func TestLiveUsage(t *testing.T) {
	for _, args := range [][]string{
		{"-i", "no-such-device"}, {"-a", "minutes:3"}, {"-b", "files:3"}, {"-w", "-"}, {"--host", "localhost"}, {"--metrics", "9121"},
		{"-s", "10"}, {"-B", "0"}, {"--evidence", "/no/such/directory"}, {"-f", "port 6379", "-i", "lo"},
	} {
		var out, log bytes.Buffer
		code := run(t.Context(), nil, &out, &log, append([]string{"live"}, args...))
		if code != exitUsage && code != exitIncomplete || out.Len() > 0 {
			t.Errorf("%q: exit code %d, %q", args, code, log.String())
		}
	}
	var out, log bytes.Buffer
	if code := run(t.Context(), nil, &out, &log, []string{"interfaces", "-o", "ndjson"}); code != exitClean || !strings.Contains(out.String(), `"loopback":true`) {
		t.Errorf("%d %s %s", code, out.String(), log.String())
	}
}

// liveShortSoak is scripts/soak.sh in a few seconds: load again and again leaves neither memory nor goroutines behind.
func liveShortSoak(t *testing.T, program string) {
	bench, err := exec.LookPath("redis-benchmark")
	if err != nil {
		t.Skip("no redis-benchmark here")
	}
	port := redisServer(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	l := startLive(t, program, nil, "-i", "lo", "--port", strconv.Itoa(port), "-o", "ndjson", "--metrics", address, "-B", "32", "--evidence", t.TempDir())
	figure := func(name string) float64 {
		r, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(b)
		if m == nil {
			t.Fatalf("no %s in %s", name, b)
		}
		v, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var memory, goroutines []float64
	const rounds = 8
	for range rounds {
		if out, err := exec.Command(bench, "-p", strconv.Itoa(port), "-q", "-n", "15000", "-t", "set").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		memory = append(memory, figure("process_resident_memory_bytes"))
		goroutines = append(goroutines, figure("go_goroutines"))
	}
	time.Sleep(1500 * time.Millisecond) // figures are updated once a second
	if n, lost := figure("respsniff_commands_total"), figure("respsniff_kernel_dropped_packets_total"); n < rounds*15000 && lost == 0 {
		t.Errorf("%v commands in the metrics", n)
	}
	if most := slices.Max(goroutines[rounds/2:]); most > goroutines[0]+3 {
		t.Errorf("goroutines: %v", goroutines)
	}
	if first, last := memory[rounds/2], memory[rounds-1]; last > first*1.1+(8<<20) {
		t.Errorf("resident memory: %.0f", memory)
	}
	if code := l.stop(t); code != exitClean {
		t.Errorf("exit code %d: %s", code, l.log)
	}
}
