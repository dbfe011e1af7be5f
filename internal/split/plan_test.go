package split

import (
	"bytes"
	"encoding/binary"
	"io"
	"iter"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

// segment is an IPv4 packet with a TCP header, or the rest of a fragmented one.
func segment(src, dst byte, sport, dport uint16, flags byte, offset uint16, more bool) capture.Packet {
	b := make([]byte, 40)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], 40)
	binary.BigEndian.PutUint16(b[4:], 7)
	place := offset / 8
	if more {
		place |= 0x2000
	}
	binary.BigEndian.PutUint16(b[6:], place)
	b[8], b[9] = 64, 6
	copy(b[12:], []byte{10, 0, 0, src, 10, 0, 0, dst})
	if offset == 0 {
		binary.BigEndian.PutUint16(b[20:], sport)
		binary.BigEndian.PutUint16(b[22:], dport)
		b[32], b[33] = 0x50, flags
	}
	return capture.Packet{Time: 1, Link: capture.LinkIPv4, Data: b, Length: len(b)}
}

const (
	syn = 0x02
	ack = 0x10
)

func once(packets []capture.Packet) iter.Seq2[[]capture.Packet, error] {
	return func(yield func([]capture.Packet, error) bool) { yield(packets, nil) }
}

func planned(t *testing.T, unit Unit, parts int, packets []capture.Packet) []int {
	t.Helper()
	p := NewPlan(unit, parts, nil)
	if err := p.Learn(once(packets)); err != nil {
		t.Fatal(err)
	}
	var to []int
	for i := range packets {
		to = append(to, p.Part(&packets[i]))
	}
	return to
}

// TestUnits: clients 1 and 2 share server 9, client 3 has its own server 8.
func TestUnits(t *testing.T) {
	packets := []capture.Packet{
		segment(1, 9, 40001, 6379, syn, 0, false), segment(9, 1, 6379, 40001, syn|ack, 0, false),
		segment(2, 9, 40002, 6379, syn, 0, false), segment(9, 2, 6379, 40002, ack, 0, false),
		segment(3, 8, 40003, 6379, syn, 0, false), segment(8, 3, 6379, 40003, ack, 0, false),
		{Time: 1, Link: capture.LinkIPv4, Data: []byte{0}, Length: 1},
	}
	same := func(to []int, a, b int) bool { return to[a] == to[b] }
	group := planned(t, Group, 3, packets)
	if !same(group, 0, 1) || !same(group, 0, 2) || !same(group, 0, 3) || same(group, 0, 4) || !same(group, 4, 5) || group[6] != 0 {
		t.Errorf("groups: %v", group)
	}
	client := planned(t, Client, 3, packets)
	if !same(client, 0, 1) || !same(client, 2, 3) || !same(client, 4, 5) || same(client, 0, 2) || same(client, 0, 4) || same(client, 2, 4) {
		t.Errorf("clients: %v", client)
	}
	if one := planned(t, Client, 1, packets); one[0] != 0 || one[6] != 0 {
		t.Errorf("one part: %v", one)
	}
}

// TestConnsAreWhole: both directions of a connection go to one part, and many connections to all parts; those of addresses
// that send packets in pieces are not taken apart, since the pieces show no port.
func TestConnsAreWhole(t *testing.T) {
	var packets []capture.Packet
	for port := range uint16(400) {
		packets = append(packets, segment(1, 9, 40000+port, 6379, syn, 0, false), segment(9, 1, 6379, 40000+port, ack, 0, false))
	}
	to := planned(t, Conn, 4, packets)
	counts := make([]int, 4)
	for i := 0; i < len(to); i += 2 {
		if to[i] != to[i+1] {
			t.Fatalf("connection %d is in parts %d and %d", i/2, to[i], to[i+1])
		}
		counts[to[i]]++
	}
	for part, n := range counts {
		if n < 50 {
			t.Errorf("part %d has %d of 400 connections", part, n)
		}
	}
	packets = append(packets, segment(1, 9, 40000, 6379, ack, 0, true), segment(1, 9, 0, 0, 0, 24, false))
	to = planned(t, Conn, 4, packets)
	for i, part := range to {
		if part != to[0] {
			t.Fatalf("packet %d of addresses with fragments is in part %d, the first in %d", i, part, to[0])
		}
	}
}

// TestRolesWithoutSYN: who has the higher port is the client, unless the port of servers is named.
func TestRolesWithoutSYN(t *testing.T) {
	mid := []capture.Packet{segment(9, 1, 6379, 40001, ack, 0, false), segment(9, 2, 6379, 40002, ack, 0, false), segment(2, 9, 40002, 6379, ack, 0, false)}
	if to := planned(t, Client, 2, mid); to[0] == to[1] || to[1] != to[2] {
		t.Errorf("mid-stream: %v", to)
	}
	high := []capture.Packet{segment(1, 9, 1024, 50000, ack, 0, false), segment(2, 9, 1025, 50000, ack, 0, false)}
	if to := planned(t, Client, 2, high); to[0] != to[1] {
		t.Errorf("a server's high port, not named: %v", to)
	}
	p := NewPlan(Client, 2, []uint16{50000})
	if err := p.Learn(once(high)); err != nil {
		t.Fatal(err)
	}
	if a, b := p.Part(&high[0]), p.Part(&high[1]); a == b {
		t.Errorf("a server's high port, named: %d and %d", a, b)
	}
}

// TestDropsAreDealtOut: the parts tell of as many lost packets as the whole.
func TestDropsAreDealtOut(t *testing.T) {
	bufs := make([]bytes.Buffer, 3)
	ws := []io.Writer{&bufs[0], &bufs[1], &bufs[2]}
	parts, err := newParts(Names("d", 3), ws, "a.pcap")
	if err != nil {
		t.Fatal(err)
	}
	if err := parts.dropped(capture.Drops{Known: true, Kernel: 10, Interface: 1}); err != nil {
		t.Fatal(err)
	}
	var sum capture.Drops
	for i := range bufs {
		src, err := capture.Open([]string{"-"}, capture.Options{Stdin: &bufs[i]})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range src.Packets() {
			if err != nil {
				t.Fatal(err)
			}
		}
		d := src.Files()[0].Drops
		if !d.Known || d.Kernel < 3 {
			t.Errorf("part %d: %+v", i+1, d)
		}
		sum = sum.Plus(d)
	}
	if sum.Kernel != 10 || sum.Interface != 1 {
		t.Errorf("all parts: %+v", sum)
	}
}
