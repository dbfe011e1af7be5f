package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// wire writes a classic pcap of raw IPv4 packets between clients and one server, 10.255.0.1:6379, 10 microseconds apart.
type wire struct {
	bytes.Buffer
	micros uint64
}

const (
	tcpFIN  = 1
	tcpSYN  = 2
	tcpRST  = 4
	tcpPush = 0x18 // PSH, ACK
	tcpACK  = 0x10
)

func newWire() *wire {
	w := &wire{micros: 1_700_000_000_000_000}
	head := [24]byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4}
	binary.LittleEndian.PutUint32(head[16:], 1<<18)
	binary.LittleEndian.PutUint32(head[20:], 101) // LINKTYPE_RAW
	w.Write(head[:])
	return w
}

// send writes one packet of the numbered client's connection.
func (w *wire) send(client int, fromClient bool, flags byte, seq, ack uint32, payload []byte) {
	w.micros += 10
	n := 40 + len(payload)
	var p [16 + 40]byte
	binary.LittleEndian.PutUint32(p[0:], uint32(w.micros/1_000_000))
	binary.LittleEndian.PutUint32(p[4:], uint32(w.micros%1_000_000))
	binary.LittleEndian.PutUint32(p[8:], uint32(n))
	binary.LittleEndian.PutUint32(p[12:], uint32(n))
	ip := p[16:]
	ip[0], ip[8], ip[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(ip[2:], uint16(n))
	host, port := client/50000, 1024+client%50000
	c := [6]byte{10, 0, byte(host >> 8), byte(host), byte(port >> 8), byte(port)}
	s := [6]byte{10, 255, 0, 1, 6379 >> 8, 6379 & 0xff}
	from, to := c, s
	if !fromClient {
		from, to = s, c
	}
	copy(ip[12:], from[:4])
	copy(ip[16:], to[:4])
	tcp := ip[20:]
	copy(tcp[0:], from[4:])
	copy(tcp[2:], to[4:])
	binary.BigEndian.PutUint32(tcp[4:], seq)
	binary.BigEndian.PutUint32(tcp[8:], ack)
	tcp[12], tcp[13], tcp[14] = 5<<4, flags, 0xff
	w.Write(p[:])
	w.Write(payload)
}

// open writes a handshake; both sides' first byte then is 1.
func (w *wire) open(client int) {
	w.send(client, true, tcpSYN, 0, 0, nil)
	w.send(client, false, tcpSYN|tcpACK, 0, 1, nil)
	w.send(client, true, tcpACK, 1, 1, nil)
}

// file saves what was written.
func (w *wire) file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.pcap")
	if err := os.WriteFile(path, w.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Reset()
	return path
}
