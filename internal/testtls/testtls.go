// Package testtls makes conversations over TLS for tests, with the key log that opens them.
package testtls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"
)

// Talk is what passes between a client and a server.
type Talk struct {
	Writes []Write
	KeyLog string // of the client
	// Handshake is how many of Writes are done before the first exchange.
	Handshake int
}

// Write is what one end wrote at once.
type Write struct {
	Server bool
	Bytes  []byte
}

// Exchange is a request and its reply in the clear.
type Exchange struct{ Request, Reply string }

// Speak lets crypto/tls exchange requests and replies, one after the other; suite 0 is what TLS 1.3 takes, others are of TLS 1.2 with
// ECDSA.
func Speak(suite uint16, exchanges ...Exchange) (*Talk, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	var log bytes.Buffer
	config := &tls.Config{
		InsecureSkipVerify: true, KeyLogWriter: &log, SessionTicketsDisabled: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13,
	}
	if suite != 0 {
		config.MinVersion, config.MaxVersion, config.CipherSuites = tls.VersionTLS12, tls.VersionTLS12, []uint16{suite}
	}
	t := &Talk{}
	var mu sync.Mutex
	a, b := net.Pipe()
	client := tls.Client(&tap{Conn: a, talk: t, mu: &mu}, config)
	config = config.Clone()
	config.KeyLogWriter = nil
	server := tls.Server(&tap{Conn: b, talk: t, mu: &mu, server: true}, config)
	deadline := time.Now().Add(10 * time.Second)
	if err := client.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if err := server.SetDeadline(deadline); err != nil {
		return nil, err
	}
	served := make(chan error, 1)
	go func() { served <- serve(server, exchanges) }()
	if err := client.Handshake(); err != nil {
		return nil, err
	}
	mu.Lock()
	t.Handshake = len(t.Writes)
	mu.Unlock()
	for _, x := range exchanges {
		if _, err := io.WriteString(client, x.Request); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(client, make([]byte, len(x.Reply))); err != nil {
			return nil, err
		}
	}
	err = <-served
	t.KeyLog = log.String()
	return t, err
}

func serve(server *tls.Conn, exchanges []Exchange) error {
	if err := server.Handshake(); err != nil {
		return err
	}
	for _, x := range exchanges {
		if _, err := io.ReadFull(server, make([]byte, len(x.Request))); err != nil {
			return err
		}
		if _, err := io.WriteString(server, x.Reply); err != nil {
			return err
		}
	}
	return nil
}

// tap notes what is written.
type tap struct {
	net.Conn
	talk   *Talk
	mu     *sync.Mutex
	server bool
}

// Write notes what it writes.
func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.talk.Writes = append(c.talk.Writes, Write{c.server, bytes.Clone(p)})
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// Scenario says the conversation in statements of package scenario, of a connection that is declared already.
func (t *Talk) Scenario(conn string) string {
	var b strings.Builder
	for _, w := range t.Writes {
		arrow := ">"
		if w.Server {
			arrow = "<"
		}
		fmt.Fprintf(&b, "+1ms %s %s raw %q\n", conn, arrow, w.Bytes)
	}
	return b.String()
}
