package tlsrecord

import (
	"encoding/binary"

	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/internal/tlsrecord/protect"
	"github.com/respsniff/respsniff/reassembly"
)

// hello is what the handshake says in the clear.
type hello struct {
	client  bool // the ClientHello was seen
	server  bool // the ServerHello was seen
	full    bool // the server sent what only a full handshake has
	resumed bool // the server took the pre-shared key
	version uint16
	suite   uint16

	clientRandom, serverRandom keylog.Random
	clientSession              string // session ID that the client asks to resume
	serverSession              string
	ticket                     string // that the client sent
	newTicket                  string // that the server sent (RFC 5077)
}

// Types of handshake messages (RFC 8446 section 4, RFC 5246 section 7.4).
const (
	msgClientHello      = 1
	msgServerHello      = 2
	msgNewSessionTicket = 4
	msgCertificate      = 11
	msgServerHelloDone  = 14
)

// Extensions (RFC 8446 section 4.2, RFC 5077).
const (
	extSessionTicket     = 35
	extPreSharedKey      = 41
	extSupportedVersions = 43
)

// maxMessage bounds a message of the handshake; those that are read are shorter, but for hostile ones.
const maxMessage = 1 << 14

// retryRandom is the random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
var retryRandom = keylog.Random{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

// handshake takes what a record in the clear holds of the handshake.
func (c *conn) handshake(s *Stage, d *direction, r *record) {
	body := r.body
	if r.from < r.to {
		body = body[:r.from]
	}
	if len(d.message)+len(body) > maxMessage+maxFragment {
		d.message = nil
		return
	}
	d.message = append(d.message, body...)
	for len(d.message) >= 4 {
		n := int(d.message[1])<<16 | int(binary.BigEndian.Uint16(d.message[2:]))
		if n > maxMessage {
			d.message = nil // a certificate, as large as they get, or no handshake
			return
		}
		if len(d.message) < 4+n {
			if !r.whole() { // what counts stands in front
				c.message(s, d, d.message[0], d.message[4:], true)
				d.message = nil
			}
			return
		}
		c.message(s, d, d.message[0], d.message[4:4+n], false)
		d.message = d.message[4+n:]
	}
	if len(d.message) == 0 || !r.whole() {
		d.message = nil
	}
}

func (c *conn) message(s *Stage, d *direction, typ byte, p []byte, cut bool) {
	h := &c.hello
	switch typ {
	case msgClientHello:
		if h.takeClient(p, cut) {
			c.client, c.certain = sideOf(c, d), true
		}
	case msgServerHello:
		if !h.takeServer(p, cut) {
			return
		}
		c.client, c.certain = sideOf(c, d).Other(), true
		c.seen.Hello(h.version, h.suite, s.tickets.of(s.packet.Conn.Ends[sideOf(c, d)]))
		c.info.Version, c.info.Resumed = versionName(h.version), h.resumed
		c.info.Suite = protect.ByNumber(h.suite).Name
	case msgNewSessionTicket:
		if r := (reader{p: p}); len(p) > 4 && !cut {
			r.skip(4)
			if h.newTicket = string(r.vector(2)); c.master != nil {
				s.sessions.keep(h.newTicket, c.master)
			}
		}
	case msgCertificate, msgServerHelloDone:
		h.full = h.full || sideOf(c, d) != c.client
	}
}

func sideOf(c *conn, d *direction) reassembly.Side {
	if d == &c.half[reassembly.A] {
		return reassembly.A
	}
	return reassembly.B
}

func versionName(v uint16) string {
	switch v {
	case 0x0300:
		return "SSL 3.0"
	case 0x0301:
		return "TLS 1.0"
	case 0x0302:
		return "TLS 1.1"
	case 0x0303:
		return "TLS 1.2"
	case tls13:
		return "TLS 1.3"
	}
	return ""
}

// takeClient reads a ClientHello (RFC 8446 section 4.1.2), or one whose end was cut off, and reports whether it is one.
func (h *hello) takeClient(p []byte, cut bool) bool {
	r := reader{p: p}
	version := r.number(2)
	random := r.take(32)
	session := r.vector(1)
	suites := r.vector(2)
	r.vector(1)
	if len(random) < 32 || version>>8 != 3 || !cut && (r.bad || len(session) > 32 || len(suites) == 0 || len(suites)%2 != 0) {
		return false
	}
	ticket := ""
	ok := cut || r.extensions(func(id int, p []byte) {
		if id == extSessionTicket {
			ticket = string(p)
		}
	})
	if !ok {
		return false
	}
	h.client, h.clientRandom, h.clientSession, h.ticket = true, keylog.Random(random), string(session), ticket
	return true
}

// takeServer reads a ServerHello (section 4.1.3) and reports whether it is the one that counts.
func (h *hello) takeServer(p []byte, cut bool) bool {
	r := reader{p: p}
	version := uint16(r.number(2))
	random := r.take(32)
	session := r.vector(1)
	suite := uint16(r.number(2))
	r.number(1)
	if r.bad || version>>8 != 3 {
		return false
	}
	if protect.ByNumber(suite).TLS13 {
		version = tls13 // also where the extension that says so was cut off
	}
	resumed := false
	ok := r.extensions(func(id int, p []byte) {
		switch {
		case id == extSupportedVersions && len(p) == 2:
			version = binary.BigEndian.Uint16(p)
		case id == extPreSharedKey:
			resumed = true
		}
	})
	if !ok && !cut {
		return false
	}
	if h.version = version; keylog.Random(random) == retryRandom {
		return false
	}
	h.server, h.version, h.suite, h.serverRandom, h.serverSession = true, version, suite, keylog.Random(random), string(session)
	h.full, h.resumed = version == tls13 && !resumed, resumed
	return true
}

// isClientHello reports whether a record begins with p whose only content is a ClientHello, as far as p goes.
func isClientHello(p []byte) bool {
	if len(p) < headerSize+4+2+32 || p[0] != typeHandshake || p[headerSize] != msgClientHello {
		return false
	}
	_, length, ok := header(p)
	n := int(p[headerSize+1])<<16 | int(binary.BigEndian.Uint16(p[headerSize+2:]))
	if !ok || p[headerSize+4] != 3 || n > maxMessage || length > n+4 {
		return false
	}
	if len(p) < headerSize+4+n {
		return length == n+4
	}
	var h hello
	return h.takeClient(p[headerSize+4:headerSize+4+n], false)
}

// reader reads the vectors of a message (RFC 8446 section 3.4). After a read beyond the end it is bad, and gives nothing.
type reader struct {
	p   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.p) {
		r.bad = true
		return make([]byte, 0)
	}
	p := r.p[:n]
	r.p = r.p[n:]
	return p
}

func (r *reader) skip(n int) { r.take(n) }

func (r *reader) number(size int) int {
	n := 0
	for _, b := range r.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

func (r *reader) vector(size int) []byte { return r.take(r.number(size)) }

// extensions reads the extensions at the end of a message, which may have none.
func (r *reader) extensions(each func(id int, p []byte)) bool {
	if r.bad || len(r.p) == 0 {
		return !r.bad
	}
	e := reader{p: r.vector(2)}
	for len(e.p) > 0 && !e.bad {
		id := e.number(2)
		if p := e.vector(2); !e.bad {
			each(id, p)
		}
	}
	return !r.bad && !e.bad && len(r.p) == 0
}
