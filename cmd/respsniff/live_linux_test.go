package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/respsniff/respsniff/internal/testenv"
	"github.com/respsniff/respsniff/internal/trial"
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
		"lost interface":      liveLostInterface,
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
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, append([]string{"live", "-i", "lo"}, tc.args...)...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != tc.code || !bytes.Contains(out, []byte(tc.word)) || bytes.Contains(out, []byte("goroutine")) {
			t.Errorf("%q: exit code %d, want %d with %q:\n%s", tc.args, code, tc.code, tc.word, out)
		}
	}
}

func liveFindsDesync(t *testing.T, program string) {
	server := startRedis(t)
	for _, device := range []string{"lo", "any"} {
		t.Run(device, func(t *testing.T) {
			trial.Run(t, func(r *trial.Trial) { findDesync(t, r, program, device, server) })
		})
	}
}

func findDesync(t *testing.T, r *trial.Trial, program, device string, server *redis) {
	dir := t.TempDir()
	recorded := filepath.Join(dir, "all.pcapng")
	l := startLive(t, program, nil, "-i", device, "--port", strconv.Itoa(server.port), "-o", "ndjson", "--evidence", dir, "-w", recorded)
	goDirty(t, server)
	var found liveRow
	kept := ""
	keeps := func(s liveRow) { // at once, where the finding is ten seconds younger than its act
		if s.Type == "evidence" && s.Rule == "RS101" {
			kept = s.File
		}
	}
	for _, rule := range []string{"RS101", "RS103"} {
		s, ok := l.next(t, func(s liveRow) bool { keeps(s); return s.Type == "finding" && s.Rule == rule })
		if !ok {
			r.Errorf("no %s while the connection is open: %s", rule, l.log)
		}
		if rule == "RS101" {
			found = s
		}
	}
	if code := l.stop(t); code != exitFindings {
		r.Errorf("exit code %d: %s", code, l.log)
	}
	last, ok := l.next(t, func(s liveRow) bool { keeps(s); return s.Type == "summary" })
	if !ok || !last.Complete {
		t.Errorf("the last line: %+v", last)
	}
	if r.Dropped = last.Quality.KernelDrops; r.Dropped > 0 || found.Rule == "" {
		r.Errorf("no findings of a whole capture to compare")
		return
	}
	// The evidence is of the one connection: that its client's callers take turns, the others have shown.
	for file, args := range map[string][]string{kept: {"--policy", "127.0.0.1=lockstep"}, recorded: nil} {
		findings := analyzed(t, file, args...)
		if !slices.ContainsFunc(findings, func(s liveRow) bool { return s.Rule == "RS101" && s.Fingerprint == found.Fingerprint }) {
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
}

func liveHealthyBenchmark(t *testing.T, program string) {
	bench, err := exec.LookPath("redis-benchmark")
	if err != nil {
		t.Skip("no redis-benchmark here")
	}
	port := redisServer(t)
	trial.Run(t, func(r *trial.Trial) {
		address := testenv.FreeAddress(t)
		l := startLive(t, program, nil, "-i", "lo", "--port", strconv.Itoa(port), "-o", "ndjson", "--metrics", address)
		for _, args := range [][]string{{"-n", "30000", "-t", "set,get"}, {"-n", "30000", "-t", "set,lpush", "-P", "16"}} {
			if out, err := exec.Command(bench, append([]string{"-p", strconv.Itoa(port), "-q"}, args...)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		caughtUp(t, address, 120000)
		if code := l.stop(t); code != exitClean {
			r.Errorf("exit code %d: %s", code, l.log)
		}
		last, ok := l.next(t, func(s liveRow) bool {
			// On a crowded machine the server does stall at times (RS401), and the report has it.
			if s.Type == "finding" && !strings.HasPrefix(s.Rule, "RS4") {
				r.Errorf("found in healthy traffic: %+v", s)
			}
			return s.Type == "summary"
		})
		if !ok {
			t.Fatal("no summary")
		}
		if r.Dropped = last.Quality.KernelDrops; last.Summary.Commands < 120000 {
			r.Errorf("%+v", last)
		}
	})
}

// liveDropsRights looks at each thread: of the build without cgo, and of the one with libpcap, whose threads the Go runtime
// does not know of.
func liveDropsRights(t *testing.T, program string) {
	programs := []string{program}
	if _, err := os.Stat("/usr/include/pcap/pcap.h"); err == nil {
		libpcap := program + "-libpcap"
		build := exec.Command("go", "build", "-tags", "libpcap", "-o", libpcap, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		programs = append(programs, libpcap)
	} else if os.Getenv("CI") != "" {
		t.Error("no libpcap here")
	}
	for _, program := range programs {
		dropsRights(t, program)
	}
}

func dropsRights(t *testing.T, program string) {
	for _, c := range []struct {
		args []string
		uid  string
	}{{nil, "0"}, {[]string{"-Z", "nobody"}, ""}} {
		l := startLive(t, program, nil, append([]string{"-i", "lo", "--port", "1", "--allow-empty"}, c.args...)...)
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
	const head = 1 << 10 // more than a file without packets has
	if !eventually(func() bool { return size(file) > head }) {
		t.Fatalf("nothing is recorded: %s", l.log)
	}
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return size(file) > 0 }) {
		t.Fatalf("no new file after SIGHUP: %s", l.log)
	}
	for range 150 {
		c.must(t, "PING")
	}
	if code := l.wait(t); code != exitClean {
		t.Errorf("exit code %d: %s", code, l.log)
	}
	last, ok := l.next(t, func(s liveRow) bool { return s.Type == "summary" })
	if !ok || last.Summary.Packets != 200 {
		t.Errorf("-c 200: %+v", last)
	}
	var sum int64
	for _, name := range []string{file + ".1", file} {
		var out, log bytes.Buffer
		if code := run(t.Context(), nil, &out, &log, []string{"analyze", name, "-o", "ndjson"}); code != exitClean {
			t.Errorf("%s: exit code %d: %s", name, code, log.String())
		}
		s := lastRow(t, out.Bytes())
		if s.Summary.Packets == 0 {
			t.Errorf("%s is empty", name)
		}
		sum += s.Summary.Packets
	}
	if sum != 200 {
		t.Errorf("%d packets were recorded", sum)
	}
}

// liveLostInterface takes the interface away: the run ends, and a service that runs it begins again.
func liveLostInterface(t *testing.T, program string) {
	const device = "rslost0"
	ip := func(args ...string) error {
		out, err := exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %q: %w: %s", args, err, out)
		}
		return nil
	}
	if err := ip("link", "add", device, "type", "veth", "peer", "name", "rslost1"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = ip("link", "del", device) }) // it is gone already
	if err := errors.Join(ip("link", "set", device, "up"), ip("link", "set", "rslost1", "up")); err != nil {
		t.Fatal(err)
	}
	l := startLive(t, program, nil, "-i", device, "--allow-empty")
	if err := ip("link", "del", device); err != nil {
		t.Fatal(err)
	}
	if code := l.wait(t); code != exitIncomplete || strings.Count(l.log.String(), "no interface is left") != 1 {
		t.Errorf("exit code %d: %s", code, l.log)
	}
}

// size is a file's, or 0 if there is none.
func size(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// liveSlowOutput gives the run a pipe that nobody reads: the capture goes on, and the run ends.
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
	trial.Run(t, func(r *trial.Trial) {
		file := filepath.Join(t.TempDir(), "a.pcapng")
		saved := filepath.Join(t.TempDir(), "a.ndjson")
		address := testenv.FreeAddress(t)
		l := startLive(t, program, w, "-i", "lo", "--port", strconv.Itoa(port), "-o", "ndjson="+saved, "-o", "text", "--interval", "1ms", "-w", file, "--metrics", address)
		c := dialCaller(t, port)
		for range 3000 {
			c.must(t, "PING")
		}
		caughtUp(t, address, 3000)
		if code := l.stop(t); code != exitIncomplete {
			t.Errorf("exit code %d: %s", code, l.log)
		}
		whole, err := os.ReadFile(saved)
		if err != nil {
			t.Fatal(err)
		}
		r.Dropped = lastRow(t, whole).Quality.KernelDrops
		var out, log bytes.Buffer
		run(t.Context(), nil, &out, &log, []string{"analyze", file, "-o", "ndjson"})
		if s := lastRow(t, out.Bytes()); s.Summary.Commands != 3000 {
			r.Errorf("%d commands were recorded, want 3000", s.Summary.Commands)
		}
	})
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
