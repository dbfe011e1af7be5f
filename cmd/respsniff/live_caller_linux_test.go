package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

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
