// Churn writes a capture of healthy clients that come and go to standard output: what a live run on a busy host sees in an
// hour, in a minute.
//
//	go run ./scripts/churn -seconds 3600 | respsniff live -i -
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
)

const (
	headers = 20 + 20 // IPv4 and TCP without options
	syn     = 0x02
	fin     = 0x01
	ack     = 0x10
	push    = 0x18
)

// conn is one connection of a client, with what is still to come on it.
type conn struct {
	client       [4]byte
	port         uint16
	start        uint32 // sequence number of its first byte, in both directions
	sent, got    uint32
	commands     int
	vanishes     bool // its host is gone: no end is seen
	ofItsAddress int  // further connections from this address
}

type writer struct {
	out   *bufio.Writer
	rnd   *rand.Rand
	time  int64 // µs
	step  int64 // µs from packet to packet
	hosts uint32
	conns uint32
	fixed uint32 // hosts that all connections come from; 0: new ones appear for ever

	commands, again, vanish int
	frame                   [16 + headers + 256]byte
}

func main() {
	rate := flag.Int("rate", 20000, "packets a second")
	seconds := flag.Int("seconds", 3600, "length of the capture")
	conns := flag.Int("conns", 200, "connections open at a time")
	commands := flag.Int("commands", 1000, "most commands of a connection")
	again := flag.Int("again", 20, "most connections of an address, one after another")
	hosts := flag.Int("hosts", 0, "hosts that all connections come from, with room for 40,000 each; 0: new ones appear for ever")
	vanish := flag.Int("vanish", 100, "one connection in so many ends without a sign; 0: none")
	flag.Parse()
	w := &writer{commands: *commands, again: *again, fixed: uint32(*hosts), vanish: *vanish, out: bufio.NewWriterSize(os.Stdout, 1<<20), rnd: rand.New(rand.NewPCG(1, 2)), time: 1_700_000_000_000_000, step: int64(1e6 / *rate)}
	if err := w.write(*conns, w.time+int64(*seconds)*1e6); err != nil {
		fmt.Fprintln(os.Stderr, "churn:", err)
		os.Exit(1)
	}
}

func (w *writer) write(conns int, until int64) error {
	const linkRaw = 101 // IP without a link layer
	head := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	for _, v := range []uint32{4<<16 | 2, 0, 0, 262144, linkRaw} {
		head = binary.LittleEndian.AppendUint32(head, v)
	}
	if _, err := w.out.Write(head); err != nil {
		return err
	}
	open := make([]*conn, conns)
	for i := 0; w.time < until; i++ {
		c := open[i%conns]
		switch {
		case c == nil:
			open[i%conns] = w.open(nil)
		case c.commands == 0:
			w.close(c)
			open[i%conns] = w.open(c)
		default:
			w.exchange(c)
		}
	}
	return w.out.Flush()
}

// open begins a connection: from the address of the one before, or from a new one.
func (w *writer) open(before *conn) *conn {
	w.conns++
	c := &conn{commands: 1 + w.rnd.IntN(w.commands), vanishes: w.vanish > 0 && w.rnd.IntN(w.vanish) == 0, port: uint16(20000 + w.conns%40000), start: w.rnd.Uint32()}
	switch {
	case w.fixed > 0:
		c.client = address(w.conns / 40000 % w.fixed)
	case before != nil && before.ofItsAddress > 0:
		c.client, c.ofItsAddress = before.client, before.ofItsAddress-1
	default:
		w.hosts++
		c.client, c.ofItsAddress = address(w.hosts), w.rnd.IntN(w.again)
	}
	w.packet(c, true, syn, "")
	c.sent = 1
	w.packet(c, false, syn|ack, "")
	c.got = 1
	w.packet(c, true, ack, "")
	return c
}

func address(host uint32) [4]byte { return [4]byte{10, byte(host >> 16), byte(host >> 8), byte(host)} }

func (w *writer) close(c *conn) {
	if c.vanishes {
		return
	}
	w.packet(c, true, fin|ack, "")
	c.sent++
	w.packet(c, false, fin|ack, "")
	c.got++
	w.packet(c, true, ack, "")
}

func (w *writer) exchange(c *conn) {
	key := fmt.Sprintf("user:%07d", w.rnd.IntN(1e7))
	request, reply := "*2\r\n$3\r\nGET\r\n$12\r\n"+key+"\r\n", "$12\r\n"+key+"\r\n"
	if c.commands%3 == 0 {
		request, reply = "*3\r\n$3\r\nSET\r\n$12\r\n"+key+"\r\n$12\r\n"+key+"\r\n", "+OK\r\n"
	}
	c.commands--
	w.packet(c, true, push, request)
	c.sent += uint32(len(request))
	w.packet(c, false, push, reply)
	c.got += uint32(len(reply))
}

// packet writes one, and lets the time go on. Errors of the output are found by Flush.
func (w *writer) packet(c *conn, fromClient bool, flags byte, body string) {
	f := w.frame[:16+headers+len(body)]
	clear(f[:16+headers])
	binary.LittleEndian.PutUint32(f, uint32(w.time/1e6))
	binary.LittleEndian.PutUint32(f[4:], uint32(w.time%1e6))
	binary.LittleEndian.PutUint32(f[8:], uint32(headers+len(body)))
	binary.LittleEndian.PutUint32(f[12:], uint32(headers+len(body)))
	ip, tcp := f[16:], f[36:]
	ip[0], ip[8], ip[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(ip[2:], uint16(headers+len(body)))
	server := [4]byte{192, 168, 0, 1}
	from, to, ports, seq, acked := c.client, server, [2]uint16{c.port, 6379}, c.sent, c.got
	if !fromClient {
		from, to, ports, seq, acked = server, c.client, [2]uint16{6379, c.port}, c.got, c.sent
	}
	copy(ip[12:], from[:])
	copy(ip[16:], to[:])
	binary.BigEndian.PutUint16(tcp, ports[0])
	binary.BigEndian.PutUint16(tcp[2:], ports[1])
	binary.BigEndian.PutUint32(tcp[4:], c.start+seq)
	if flags&ack != 0 {
		binary.BigEndian.PutUint32(tcp[8:], c.start+acked)
	}
	tcp[12], tcp[13], tcp[14], tcp[15] = 0x50, flags, 0xff, 0xff
	copy(tcp[20:], body)
	w.out.Write(f)
	w.time += w.step
}
