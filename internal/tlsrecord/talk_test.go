package tlsrecord

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/reassembly"
)

// write is what one side of a connection wrote at once.
type write struct {
	from reassembly.Side
	p    []byte
}

// talk is a connection with TLS between a client and a server of crypto/tls, as its writes to the network, in order.
type talk struct {
	writes []write
	said   [2]string // the content, by side
	keys   string    // its key log
	shakes int       // writes of the handshake
	lock   sync.Mutex
}

// tapped is one end of a connection, which notes what is written.
type tapped struct {
	net.Conn
	talk *talk
	side reassembly.Side
}

func (c *tapped) Write(p []byte) (int, error) {
	c.talk.lock.Lock()
	c.talk.writes = append(c.talk.writes, write{c.side, bytes.Clone(p)})
	c.talk.lock.Unlock()
	return c.Conn.Write(p)
}

var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// connected returns the two ends of a connection that holds what is written until it is read.
func connected(t testing.TB) (a, b net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// speak makes connections one after the other, which resume each other's session where the client has a cache. On each, the client
// writes the lines and the server answers each with as much as answer says.
func speak(t testing.TB, connections int, client, server *tls.Config, lines []string, answer func(i int) string) []*talk {
	t.Helper()
	server.Certificates = []tls.Certificate{certificate()}
	client.InsecureSkipVerify = true
	var all []*talk
	for range connections {
		k := &talk{}
		log := &strings.Builder{}
		client.KeyLogWriter = log
		a, b := connected(t)
		left, right := tls.Client(&tapped{a, k, reassembly.A}, client), tls.Server(&tapped{b, k, reassembly.B}, server)
		done := make(chan error, 1)
		go func() {
			in := make([]byte, 1<<17)
			for i := range lines {
				n, err := io.ReadAtLeast(right, in, len(lines[i]))
				if err != nil || string(in[:n]) != lines[i] {
					done <- err
					return
				}
				if _, err := io.WriteString(right, answer(i)); err != nil {
					done <- err
					return
				}
			}
			done <- right.Close()
		}()
		if err := left.Handshake(); err != nil {
			t.Fatal(err)
		}
		k.lock.Lock()
		k.shakes = len(k.writes)
		k.lock.Unlock()
		for i, line := range lines {
			k.said[reassembly.A] += line
			k.said[reassembly.B] += answer(i)
			if _, err := io.WriteString(left, line); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(left, make([]byte, len(answer(i)))); err != nil {
				t.Fatal(err)
			}
		}
		go io.Copy(io.Discard, left) // the server's close_notify
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		a.Close()
		k.keys = log.String()
		all = append(all, k)
	}
	return all
}

// segments makes segments of a talk, cut into pieces of at most size bytes; 0: one a write. lose says which of them the capture lacks,
// snaplen how much it has of each; 0: all.
func (k *talk) segments(id int64, size int, lose func(n int) bool, snaplen int) []*reassembly.Segment {
	conn := &reassembly.Conn{
		ID: id, Start: reassembly.Handshake,
		Ends: [2]netip.AddrPort{netip.MustParseAddrPort("198.18.0.2:40000"), netip.MustParseAddrPort("198.18.0.11:6380")},
	}
	var list []*reassembly.Segment
	var next, missing [2]int64
	at := capture.Time(1e18)
	n := 0
	for _, w := range k.writes {
		for p := w.p; len(p) > 0; n++ {
			piece := p
			if size > 0 {
				piece = p[:min(size, len(p))]
			}
			p = p[len(piece):]
			at += capture.Time(time.Millisecond)
			if far := w.from.Other(); missing[far] > 0 { // what is acknowledged here was lost
				list = append(list, &reassembly.Segment{Conn: conn, From: far, Time: at, Frame: int64(n + 1), Offset: next[far], Missing: missing[far], Ack: reassembly.NoAck})
				missing[far] = 0
			}
			seg := &reassembly.Segment{
				Conn: conn, From: w.from, Flags: reassembly.ACK | reassembly.PSH, Time: at, Frame: int64(n + 1), Offset: next[w.from], Length: len(piece),
				Payload: piece, Missing: missing[w.from], Ack: next[w.from.Other()], Plain: missing[w.from] == 0,
			}
			next[w.from] += int64(len(piece))
			if lose != nil && lose(n) {
				missing[w.from] += int64(len(piece))
				continue
			}
			missing[w.from] = 0
			if snaplen > 0 {
				seg.Payload = piece[:min(snaplen, len(piece))]
			}
			list = append(list, seg)
		}
	}
	return append(list, &reassembly.Segment{Conn: conn, End: reassembly.EndFIN, Time: at})
}

// heard is what a stage handed on of one connection.
type heard struct {
	content [2]string // by side, with zeros for what is missing
	at      [2]int64  // places
	sealed  int
	part    int
	missing [2]int64
}

// listen runs a stage over segments and checks that what it hands on is in order.
func listen(t testing.TB, stage *Stage, list []*reassembly.Segment) *heard {
	h := &heard{}
	segments := func(yield func(*reassembly.Segment, error) bool) {
		for _, s := range list {
			s.Conn.Sides[s.From].Bytes += int64(s.Length)
			if !yield(s, nil) {
				return
			}
		}
	}
	for s, err := range stage.Segments(segments) {
		if err != nil {
			t.Fatal(err)
		}
		if s.End != reassembly.NotEnded {
			continue
		}
		if from := s.Offset - s.Framing - s.Missing; from != h.at[s.From] {
			t.Fatalf("frame %d: begins at %d, the one before ended at %d", s.Frame, from, h.at[s.From])
		}
		if s.Ack > h.at[s.From.Other()] {
			t.Fatalf("frame %d: acknowledges %d, and %d was handed on", s.Frame, s.Ack, h.at[s.From.Other()])
		}
		if s.Missing < 0 || s.Framing < 0 || len(s.Payload) > s.Length {
			t.Fatalf("frame %d: %+v", s.Frame, s)
		}
		h.at[s.From] = s.Offset + int64(s.Length)
		h.missing[s.From] += s.Missing
		switch {
		case s.Sealed:
			h.sealed++
		case s.Length > len(s.Payload):
			h.part++
		}
		h.content[s.From] += strings.Repeat("\x00", int(s.Missing)) + string(s.Payload)
	}
	return h
}

func newStage(keys string) *Stage {
	set := &bound.Set{}
	log := keylog.New(set)
	log.Write([]byte(keys))
	log.Flush()
	return New(log, set)
}
