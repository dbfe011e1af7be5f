package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// redis is a server on a loopback port.
type redis struct {
	*os.Process
	port int
}

// redisServer starts a server and returns its port.
func redisServer(t *testing.T) int {
	t.Helper()
	return startRedis(t).port
}

// startRedis starts a server on a free loopback port.
func startRedis(t *testing.T) *redis {
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
	if !eventually(func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		t.Fatal("redis-server does not listen")
	}
	return &redis{cmd.Process, port}
}

// signal stops the server, or lets it go on.
func (r *redis) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := r.Signal(s); err != nil {
		t.Fatal(err)
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
	if err := c.send(args...); err != nil {
		return "", err
	}
	return c.read(wait)
}

// send writes a command.
func (c *caller) send(args ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	_, err := io.WriteString(c, b.String())
	return err
}

// read takes whatever reply comes next, for at most wait.
func (c *caller) read(wait time.Duration) (string, error) {
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
	s, err := c.call(patience, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return s
}

// goDirty works for a while, lets a command time out while the server is stopped, and goes on with the connection. The
// late reply comes when the next command is on its way.
func goDirty(t *testing.T, server *redis) {
	t.Helper()
	var pool []*caller
	for i := range 4 {
		c := dialCaller(t, server.port)
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
	// Three times, and with calls that follow at once: a wait alone may be that of a second caller.
	for _, victim := range pool[:3] {
		server.signal(t, syscall.SIGSTOP)
		if got, err := victim.call(300*time.Millisecond, "GET", "key1"); err == nil {
			t.Fatalf("the server answered %q although it was stopped", got)
		}
		if err := victim.send("GET", "key0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(400 * time.Millisecond) // the reply is late by more than a little
		server.signal(t, syscall.SIGCONT)
		if got, err := victim.read(patience); err != nil || got != "value1" {
			t.Fatalf("the client did not read the late reply: %q %v", got, err)
		}
		for range 5 { // each reads what is there already, and goes on at once
			victim.must(t, "GET", "key2")
			victim.must(t, "GET", "key2")
			time.Sleep(20 * time.Millisecond)
		}
	}
}
