package main

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

var update = flag.Bool("update", false, "rewrite markers.txt from the server's answers")

const markersHeader = `# The kinds of replies, errors apart, that redis-server 7.0.15 gave to invocations.txt: command, protocol, kinds.
# Checked and rewritten by go test ./resp/commands/internal/gentable -update.
`

// TestServerAnswers runs every line of invocations.txt on a real server in both protocols. The kinds of its answers are
// what markers.txt says, and the table allows each answer, knowing the protocol or not.
func TestServerAnswers(t *testing.T) {
	lines, err := os.ReadFile("invocations.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, proto := range []uint8{2, 3} {
		c := startServer(t)
		if proto == 3 {
			c.do([]byte("HELLO 3\r\n"))
		}
		seen := map[string]resp.KindSet{}
		for line := range strings.Lines(string(lines)) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			req := c.do([]byte(line + "\r\n"))
			cmd := commands.Lookup(req)
			if cmd == nil {
				if !strings.HasPrefix(line, "NOSUCH") {
					t.Errorf("%s: not in the table", line)
				}
				continue
			}
			call := commands.Summarise(req)
			for _, p := range []uint8{0, proto} {
				call.Proto = p
				if ok, why := call.Allows(&c.rep); !ok {
					t.Errorf("RESP%d: %s -> %v %q: %s", proto, line, c.rep.Kind, c.rep.Text, why)
				}
			}
			if c.rep.Kind != resp.Error {
				seen[cmd.Name] |= resp.Kinds(c.rep.Kind)
			}
		}
		for name, kinds := range seen {
			s := fmt.Sprintf("%s %d", name, proto)
			for k := resp.Simple; k <= resp.Push; k++ {
				if kinds.Has(k) {
					s += " " + k.String()
				}
			}
			got = append(got, s)
		}
	}
	slices.Sort(got)
	text := markersHeader + strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile("markers.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("markers.txt")
	if err != nil {
		t.Fatal(err)
	}
	if c := serverVersion(t); !strings.Contains(c, "v=7.0.") {
		t.Skipf("markers.txt is for 7.0, this is %s", c)
	}
	if text != string(want) {
		t.Errorf("markers.txt is stale: go test ./resp/commands/internal/gentable -update\n%s", text)
	}
}

// TestTableIsCurrent generates the table again where the descriptions are at hand.
func TestTableIsCurrent(t *testing.T) {
	dir := os.Getenv("VALKEY_COMMANDS")
	if dir == "" {
		t.Skip("VALKEY_COMMANDS does not name the folder of Valkey's command descriptions")
	}
	out := filepath.Join(t.TempDir(), "table.go")
	if err := run(dir, out, "markers.txt"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../table_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("table_gen.go is stale: go generate ./resp/commands")
	}
}

type client struct {
	t    *testing.T
	conn net.Conn
	dec  resp.ReplyDecoder
	req  resp.Request
	rep  resp.Reply
}

// do sends one inline request and returns it decoded; its reply is in rep.
func (c *client) do(line []byte) *resp.Request {
	c.t.Helper()
	var d resp.RequestDecoder
	d.Feed(line, 0)
	if err := d.Next(&c.req); err != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	if _, err := c.conn.Write(line); err != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	for {
		err := c.dec.Next(&c.rep)
		if err == nil && c.rep.Kind != resp.Push {
			return &c.req
		}
		if err == nil {
			continue
		}
		if err != resp.ErrShort {
			c.t.Fatalf("%q: %v", line, err)
		}
		c.conn.SetReadDeadline(time.Now().Add(time.Minute))
		p := make([]byte, 1<<16)
		n, err := c.conn.Read(p)
		if err != nil {
			c.t.Fatalf("%q: %v", line, err)
		}
		c.dec.Feed(p[:n], 0)
	}
}

func serverVersion(t *testing.T) string {
	out, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}

// startServer runs a private server on a Unix socket for the length of the test.
func startServer(t *testing.T) *client {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed")
	}
	dir, err := os.MkdirTemp("", "resp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte("port 0\nenable-debug-command yes\nsave \"\"\ndir "+dir+"\nunixsocket "+dir+"/s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 3000 {
		if conn, err := net.Dial("unix", dir+"/s"); err == nil {
			t.Cleanup(func() { conn.Close() })
			return &client{t: t, conn: conn}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("redis-server did not start")
	return nil
}
