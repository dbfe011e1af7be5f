// Tracking is clients that speak RESP3 and have the server tell them when what they have read changes (CLIENT TRACKING): their
// connections carry replies and invalidations, in any order.
//
//	go run ./scripts/tracking ADDRESS CALLS
package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
)

const (
	clients = 50
	keys    = 1000
)

func main() {
	if err := load(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tracking:", err)
		os.Exit(1)
	}
}

// load runs all clients, and returns the first error of any.
func load(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: tracking ADDRESS CALLS")
	}
	calls, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ends := make(chan error, clients)
	for i := range clients {
		go func() { ends <- run(args[0], rand.New(rand.NewPCG(uint64(i), 1)), calls/clients) }()
	}
	for range clients {
		if err := <-ends; err != nil {
			return err
		}
	}
	return nil
}

// run is one client: it reads nine times for each write.
func run(address string, rnd *rand.Rand, calls int) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := &client{conn, bufio.NewReader(conn)}
	for _, words := range [][]string{{"HELLO", "3"}, {"CLIENT", "TRACKING", "ON"}} {
		if err := c.call(words...); err != nil {
			return err
		}
	}
	for range calls {
		key := fmt.Sprintf("item:%04d", rnd.IntN(keys))
		words := []string{"GET", key}
		if rnd.IntN(10) == 0 {
			words = []string{"SET", key, strings.Repeat("v", 8+rnd.IntN(56))}
		}
		if err := c.call(words...); err != nil {
			return err
		}
	}
	return nil
}

type client struct {
	conn net.Conn
	in   *bufio.Reader
}

// call sends a command and reads up to its reply.
func (c *client) call(words ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(c.conn, b.String()); err != nil {
		return err
	}
	for {
		push, err := c.value()
		if err != nil || !push {
			return err
		}
	}
}

// value steps over one value, and reports whether it was a push.
func (c *client) value() (push bool, err error) {
	for left := 1; left > 0; left-- {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return false, err
		}
		n, _ := strconv.Atoi(strings.TrimSpace(line[1:])) // of what has no length it does not matter
		switch line[0] {
		case '-':
			return false, fmt.Errorf("the server says %s", strings.TrimSpace(line))
		case '$', '=':
			if _, err := c.in.Discard(n + 2); err != nil {
				return false, err
			}
		case '>':
			push = true
			left += n
		case '*', '~':
			left += n
		case '%':
			left += 2 * n
		}
	}
	return push, nil
}
