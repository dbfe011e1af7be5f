package realtest

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/resp"
)

// ask is a command with the number of replies that its caller waits for: none under CLIENT REPLY, several of SUBSCRIBE.
type ask struct {
	words  []string
	due    int
	inline bool
}

// one is a command with one reply.
func one(words ...string) ask { return ask{words: words, due: 1} }

// none is a command that is not answered.
func none(words ...string) ask { return ask{words: words} }

// confirmed is a command of the SUBSCRIBE family.
func confirmed(n int, words ...string) ask { return ask{words: words, due: n} }

// encode writes the command as a client library does, or as a person types it.
func (a ask) encode(b []byte) []byte {
	if a.inline {
		for i, w := range a.words {
			if i > 0 {
				b = append(b, ' ')
			}
			if strings.ContainsFunc(w, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' }) || w == "" {
				w = strconv.Quote(w)
			}
			b = append(b, w...)
		}
		return append(b, "\r\n"...)
	}
	b = fmt.Appendf(b, "*%d\r\n", len(a.words))
	for _, w := range a.words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// call is a command that was sent, and the replies to it that the caller read.
type call struct {
	ask
	replies []frame
	element int    // of EXEC's array, from 1; 0: no part of a transaction that was executed
	inExec  string // kind of that element
}

func (c *call) String() string {
	text := strings.Join(c.words, " ")
	return fmt.Sprintf("%.80q", text)
}

// caller is a client on one connection. It keeps what it was told: the truth that the analysis is held against.
type caller struct {
	t     *testing.T
	what  string
	local netip.AddrPort
	wire  wire
	calls []*call
	read  int // calls whose replies were read
	aside int // pushes, messages and lines of MONITOR that were read
}

// dial opens a connection.
func dial(t *testing.T, s *server, what string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &caller{
		t: t, what: what, local: conn.LocalAddr().(*net.TCPAddr).AddrPort(),
		wire: wire{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)},
	}
}

// close ends the connection. The server is seen to have closed its side too.
func (c *caller) close() {
	c.t.Helper()
	if err := c.wire.conn.(*net.TCPConn).CloseWrite(); err != nil {
		c.t.Fatalf("%s: %v", c.what, err)
	}
	c.drain()
}

// drain reads until the server closes. Replies that come then belong to no command.
func (c *caller) drain() {
	c.t.Helper()
	for {
		f, err := c.wire.read()
		if err != nil {
			break
		}
		if !c.outOfBand(f) && f.kind != resp.Error {
			c.t.Errorf("%s: nobody asked for %v", c.what, f)
		}
	}
	c.wire.conn.Close()
}

// send writes commands at once, in pieces of at most chunk bytes; 0: in one.
func (c *caller) send(chunk int, asks ...ask) {
	c.t.Helper()
	var b []byte
	for _, a := range asks {
		b = a.encode(b)
		c.calls = append(c.calls, &call{ask: a})
	}
	c.raw(chunk, b)
}

// raw writes bytes.
func (c *caller) raw(chunk int, b []byte) {
	c.t.Helper()
	if chunk == 0 {
		chunk = len(b)
	}
	for len(b) > 0 {
		n := min(chunk, len(b))
		if _, err := c.wire.conn.Write(b[:n]); err != nil {
			c.t.Fatalf("%s: %v", c.what, err)
		}
		b = b[n:]
	}
}

// wait reads the replies that are due.
func (c *caller) wait() {
	c.t.Helper()
	for ; c.read < len(c.calls); c.read++ {
		now := c.calls[c.read]
		for len(now.replies) < now.due {
			f, err := c.wire.read()
			if err != nil {
				c.t.Fatalf("%s: command %d, %v: %v", c.what, c.read+1, now, err)
			}
			if c.outOfBand(f) {
				c.aside++
				continue
			}
			now.replies = append(now.replies, f)
		}
	}
}

// do sends commands in one write and reads what they are answered. It returns the last reply.
func (c *caller) do(asks ...ask) frame {
	c.t.Helper()
	c.send(0, asks...)
	c.wait()
	for _, now := range slices.Backward(c.calls) {
		if n := len(now.replies); n > 0 {
			return now.replies[n-1]
		}
	}
	return frame{}
}

// hear reads until n replies in all were read that belong to no command.
func (c *caller) hear(n int) {
	c.t.Helper()
	for c.aside < n {
		f, err := c.wire.read()
		if err != nil {
			c.t.Fatalf("%s: %d of %d messages: %v", c.what, c.aside, n, err)
		}
		if !c.outOfBand(f) {
			c.t.Fatalf("%s: nobody asked for %v", c.what, f)
		}
		c.aside++
	}
}

// monitorLine is how MONITOR tells of a command: time, database and address.
var monitorLine = regexp.MustCompile(`^\d+\.\d{6} \[\d+ `)

// outOfBand tells what the server sends on its own account: messages, invalidations, lines of MONITOR. The confirmations of
// SUBSCRIBE are no such thing, whatever their first byte is.
func (c *caller) outOfBand(f frame) bool {
	switch f.kind {
	case resp.Push, resp.Array:
		switch f.head {
		case "message", "pmessage", "smessage", "invalidate":
			return true
		}
	case resp.Simple:
		return monitorLine.MatchString(f.head)
	}
	return false
}
