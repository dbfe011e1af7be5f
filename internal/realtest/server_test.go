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

// needs skips a test that runs programs which are not installed, or without the right to capture. In CI, which installs
// them and runs as root, it fails instead.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	why := ""
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			why = p + " is not installed"
		}
	}
	if os.Geteuid() != 0 {
		why = "recording loopback needs root"
	}
	switch {
	case why == "":
	case os.Getenv("CI") != "":
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}

// server is a redis-server of one test's own, with a configuration file that it may rewrite.
type server struct {
	port int
	cmd  *exec.Cmd
}

// startServer runs a server on a free loopback port for the length of the test.
func startServer(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\nsave \"\"\ndir %s\nenable-debug-command yes\nloglevel warning\n", port, dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{port: port, cmd: exec.Command("redis-server", conf)}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // SHUTDOWN may have ended it
		_ = s.cmd.Wait()
	})
	for range 400 {
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
