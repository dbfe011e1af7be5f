//go:build linux

// Churnload is a real load with churn, at a rate: clients of many addresses that connect to a Redis server, read and write
// values of several segments, check what they read, and go.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// longest is the length of the longest value: with its TCP headers, twenty-three segments of Ethernet.
const longest = 32 << 10

var value = strings.Repeat("0123456789abcdef", longest/16)

type load struct {
	server   string
	from     netip.Prefix // addresses of clients; they must be local ones
	commands int
	again    int
	vanish   int
	turn     time.Duration // of one worker, from command to command
	until    time.Time

	host, done, conns atomic.Int64
}

func main() {
	var l load
	from := flag.String("from", "10.66.0.0/16", "`PREFIX` of the clients' addresses")
	flag.StringVar(&l.server, "server", "10.67.0.2:6379", "`HOST:PORT` of the server")
	rate := flag.Int("rate", 1800, "commands a second")
	seconds := flag.Int("seconds", 3600, "how long")
	workers := flag.Int("conns", 120, "connections open at a time")
	flag.IntVar(&l.commands, "commands", 200, "most commands of a connection")
	flag.IntVar(&l.again, "again", 20, "most connections of an address, one after another")
	flag.IntVar(&l.vanish, "vanish", 100, "one connection in so many ends without a sign; 0: none")
	flag.Parse()
	l.from = netip.MustParsePrefix(*from)
	l.turn = time.Duration(*workers) * time.Second / time.Duration(*rate)
	l.until = time.Now().Add(time.Duration(*seconds) * time.Second)
	var all sync.WaitGroup
	var failed atomic.Int64
	for i := range *workers {
		all.Go(func() {
			time.Sleep(l.turn * time.Duration(i) / time.Duration(*workers)) // so that they take turns
			if err := l.work(rand.New(rand.NewPCG(uint64(i), 1))); err != nil {
				failed.Add(1)
				fmt.Fprintln(os.Stderr, "churnload:", err)
			}
		})
	}
	all.Wait()
	fmt.Printf("%d commands on %d connections of %d addresses\n", l.done.Load(), l.conns.Load(), l.host.Load())
	if failed.Load() > 0 {
		os.Exit(1)
	}
}

// work runs one connection after another.
func (l *load) work(rnd *rand.Rand) error {
	next := time.Now()
	for next.Before(l.until) {
		host := l.host.Add(1)
		b := l.from.Addr().As4()
		b[2], b[3] = byte(1+host>>8), byte(host)
		for n := 1 + rnd.IntN(l.again); n > 0 && next.Before(l.until); n-- {
			if err := l.connection(rnd, netip.AddrFrom4(b), &next); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *load) connection(rnd *rand.Rand, from netip.Addr, next *time.Time) error {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 10 * time.Second}
	c, err := d.Dial("tcp4", l.server)
	if err != nil {
		return err
	}
	l.conns.Add(1)
	defer c.Close()
	r := bufio.NewReaderSize(c, longest+64)
	for range 1 + rnd.IntN(l.commands) {
		if *next = next.Add(l.turn); next.After(l.until) {
			return nil
		}
		time.Sleep(time.Until(*next))
		n := 1 + rnd.IntN(longest-1)
		key := fmt.Sprintf("v:%05d", n) // its value's length
		if rnd.IntN(4) == 0 {
			fmt.Fprintf(c, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, n, value[:n])
			if line, err := r.ReadString('\n'); err != nil || line != "+OK\r\n" {
				return fmt.Errorf("SET %s: %q %v", key, line, err)
			}
		} else {
			fmt.Fprintf(c, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(key), key)
			if err := read(r, n); err != nil {
				return fmt.Errorf("GET %s: %w", key, err)
			}
		}
		l.done.Add(1)
	}
	if l.vanish > 0 && rnd.IntN(l.vanish) == 0 {
		return vanish(c.(*net.TCPConn))
	}
	return nil
}

// read takes the reply to GET: nothing yet, or n bytes.
func read(r *bufio.Reader, n int) error {
	line, err := r.ReadString('\n')
	if err != nil || line == "$-1\r\n" {
		return err
	}
	if line != fmt.Sprintf("$%d\r\n", n) {
		return errors.New("another caller's reply: " + line)
	}
	got := make([]byte, n+2)
	if _, err := io.ReadFull(r, got); err != nil {
		return err
	}
	if string(got) != value[:n]+"\r\n" {
		return errors.New("another caller's value")
	}
	return nil
}

// vanish makes the close of a connection send nothing, as if the host had lost its power.
func vanish(c *net.TCPConn) error {
	const repair = 19 // TCP_REPAIR
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	if control := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, repair, 1) }); control != nil {
		return control
	}
	return err
}
