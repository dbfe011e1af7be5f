package realtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// server is a redis-server of one test's own, with a configuration file that it may rewrite.
type server struct {
	port int
	cmd  *exec.Cmd
}

// freePort finds one that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startServer runs a plain server for the length of the test. It looks at those who wait in vain a hundred times a second.
func startServer(t *testing.T) *server {
	t.Helper()
	return start(t, "save \"\"\nenable-debug-command yes\nrepl-diskless-sync no\nhz 100\n")
}

// startCluster runs a node that has no slots yet.
func startCluster(t *testing.T) *server {
	t.Helper()
	return start(t, fmt.Sprintf("save \"\"\nenable-debug-command yes\ncluster-enabled yes\ncluster-require-full-coverage no\ncluster-port %d\n", freePort(t)))
}

// startSentinel runs a Sentinel that watches another server.
func startSentinel(t *testing.T, watched *server) *server {
	t.Helper()
	return start(t, fmt.Sprintf("sentinel monitor mymaster 127.0.0.1 %d 1\n", watched.port), "--sentinel")
}

// start runs a server on a free loopback port, and waits until it listens.
func start(t *testing.T, conf string, args ...string) *server {
	t.Helper()
	port, dir := freePort(t), t.TempDir()
	path := filepath.Join(dir, "redis.conf")
	conf = fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nloglevel warning\n%s", port, dir, conf)
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{port: port, cmd: exec.Command("redis-server", append([]string{path}, args...)...)}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // SHUTDOWN may have ended it
		_ = s.cmd.Wait()
	})
	for range 2400 {
		if c, err := net.Dial("tcp", s.addr()); err == nil {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			return s
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("redis-server does not listen")
	return nil
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }
