package protect

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// talk is what two ends of crypto/tls said over a pipe, and what the key log says of it.
type talk struct {
	suite          Suite
	client, server []record // records in order
	log            map[string][]byte
	said           map[string][]byte // what "client" and "server" wrote
}

type record struct{ header, body []byte }

// tap records what is written.
type tap struct {
	net.Conn
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.out.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *tap) records(t testing.TB) (all []record) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for b := c.out.Bytes(); len(b) > 0; {
		n := 5 + int(binary.BigEndian.Uint16(b[3:]))
		all = append(all, record{b[:5], b[5:n]})
		b = b[n:]
	}
	return all
}

func converse(t testing.TB, id uint16, sizes ...int) *talk {
	t.Helper()
	suite := ByNumber(id)
	tk := &talk{suite: suite, log: map[string][]byte{}, said: map[string][]byte{}}
	a, b := net.Pipe()
	client, server := &tap{Conn: a}, &tap{Conn: b}
	var log bytes.Buffer
	config := &tls.Config{
		InsecureSkipVerify: true, KeyLogWriter: &log, Certificates: []tls.Certificate{certificate(t, suite)},
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id},
	}
	if suite.TLS13 {
		config.MinVersion, config.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	}
	c, s := tls.Client(client, config), tls.Server(server, config)
	done := make(chan error)
	go func() {
		for _, n := range sizes {
			if _, err := io.ReadFull(s, make([]byte, n)); err != nil {
				done <- err
				return
			}
			if _, err := s.Write(text("server", n)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for _, n := range sizes {
		if _, err := c.Write(text("client", n)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		tk.said["client"] = append(tk.said["client"], text("client", n)...)
		tk.said["server"] = append(tk.said["server"], text("server", n)...)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if state := c.ConnectionState(); state.CipherSuite != id {
		t.Skipf("crypto/tls took %s", tls.CipherSuiteName(state.CipherSuite))
	}
	for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
		words := strings.Fields(line)
		tk.log[words[0]], _ = hex.DecodeString(words[2])
	}
	tk.client, tk.server = client.records(t), server.records(t)
	return tk
}

// text is n bytes that one end says.
func text(end string, n int) []byte { return bytes.Repeat([]byte(end+" says\r\n"), n/8+1)[:n] }

func certificate(t testing.TB, suite Suite) tls.Certificate {
	t.Helper()
	var key crypto.Signer
	var err error
	if strings.Contains(suite.Name, "_RSA_") {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// keys derives both directions.
func (tk *talk) keys(t testing.TB) (client, server *Keys) {
	t.Helper()
	var err error
	if tk.suite.TLS13 {
		if client, err = New13(tk.suite, tk.log["CLIENT_TRAFFIC_SECRET_0"]); err == nil {
			server, err = New13(tk.suite, tk.log["SERVER_TRAFFIC_SECRET_0"])
		}
	} else {
		// The random stands behind the headers of record and handshake, and the version.
		client, server, err = New12(tk.suite, tk.log["CLIENT_RANDOM"], tk.client[0].body[6:38], tk.server[0].body[6:38])
	}
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// encrypted are the records that keys open: in TLS 1.2 all behind the ChangeCipherSpec, in TLS 1.3 those of type 23 without those of the
// handshake, which the first that opens tells apart.
func (tk *talk) encrypted(k *Keys, all []record) []record {
	for i, r := range all {
		if tk.suite.TLS13 {
			if _, _, ok := k.Open(nil, r.header, r.body, 0); ok {
				return all[i:]
			}
		} else if r.header[0] == 20 {
			return all[i+1:]
		}
	}
	return nil
}

// suites are those that crypto/tls lets be chosen, and the first choice of TLS 1.3.
var suites = []uint16{
	tls.TLS_AES_128_GCM_SHA256,
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
}

// TestRecordsOfCryptoTLS opens what the standard library wrote, as it stands, in part, and with the sequence number to be found.
func TestRecordsOfCryptoTLS(t *testing.T) {
	for _, id := range suites {
		t.Run(ByNumber(id).Name, func(t *testing.T) {
			tk := converse(t, id, 1, 15, 16, 17, 0, 1000, 40000, 3)
			client, server := tk.keys(t)
			for _, side := range []struct {
				name    string
				keys    *Keys
				records []record
			}{{"client", client, tk.encrypted(client, tk.client)}, {"server", server, tk.encrypted(server, tk.server)}} {
				var said []byte
				for seq, r := range side.records {
					said = append(said, checkRecord(t, side.keys, r, uint64(seq), len(side.records))...)
				}
				if !bytes.Equal(said, tk.said[side.name]) {
					t.Errorf("the %s said %d bytes, %d others were read", side.name, len(tk.said[side.name]), len(said))
				}
			}
			if r := tk.encrypted(server, tk.server)[0]; opensAny(client, r) {
				t.Error("keys of the client open a record of the server")
			}
		})
	}
}

func opensAny(k *Keys, r record) bool {
	_, ok := k.Search(r.header, r.body, 0, 100)
	return ok
}

// checkRecord opens a record in all ways, and returns what it holds of the application.
func checkRecord(t *testing.T, k *Keys, r record, seq uint64, records int) []byte {
	t.Helper()
	head := []byte("kept")
	content, typ, ok := k.Open(head, r.header, r.body, seq)
	if !ok || !bytes.HasPrefix(content, head) {
		t.Fatalf("record %d of %d bytes does not open", seq, len(r.body))
	}
	content = content[len(head):]
	if len(content) != k.ContentLength(len(r.body)) || len(r.body)-len(content) != k.Overhead() {
		t.Errorf("record of %d bytes with %d: %d were expected", len(r.body), len(content), k.ContentLength(len(r.body)))
	}
	for _, n := range []int{0, 1, 7, 8, 9, 20, len(r.body) - 17, len(r.body) - 1, len(r.body)} {
		n = max(0, min(n, len(r.body)))
		part := k.OpenPart([]byte("kept"), r.header, r.body[:n], seq)
		if want := content[:max(0, min(len(content), n-k.suite.prefix()))]; string(part) != "kept"+string(want) {
			t.Errorf("%d bytes of record %d: %q, want %q", n, seq, part, want)
		}
	}
	if found, ok := k.Search(r.header, r.body, 0, uint64(records)); !ok || found != seq {
		t.Errorf("sequence number %d, found %d, %v", seq, found, ok)
	}
	if _, ok := k.Search(r.header, r.body, 0, seq); ok && k.suite.chacha {
		t.Errorf("sequence number %d found before it", seq)
	}
	if found, ok := k.Sequence(r.header, r.body); ok == k.suite.chacha || ok && found != seq {
		t.Errorf("sequence number %d, found %d, %v", seq, found, ok)
	}
	for _, at := range []int{0, len(r.body) / 2, len(r.body) - 1} {
		other := bytes.Clone(r.body)
		other[at] ^= 0x10
		if got, _, ok := k.Open(head, r.header, other, seq); ok || string(got) != "kept" {
			t.Errorf("record %d opens although byte %d was altered", seq, at)
		}
		if _, ok := k.Search(r.header, other, 0, uint64(records)); ok {
			t.Errorf("a sequence number of record %d is found although byte %d was altered", seq, at)
		}
	}
	if _, _, ok := k.Open(nil, r.header, r.body, seq+1); ok {
		t.Errorf("record %d opens with another sequence number", seq)
	}
	if typ != 23 {
		return nil
	}
	return content
}
