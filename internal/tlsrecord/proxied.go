package tlsrecord

import (
	"bytes"

	"github.com/respsniff/respsniff/reassembly"
)

// proxied has the open connections on which nothing but the header of the PROXY protocol was said: TLS may begin behind it.
type proxied map[*reassembly.Conn]bool

// Beginnings of the header, of version 1 as a line and of version 2 in binary.
var (
	proxyLine   = []byte("PROXY ")
	proxyBinary = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// see takes a segment of a connection that is in the clear so far.
func (m proxied) see(seg *reassembly.Segment) {
	p := seg.Payload
	switch {
	case len(p) > 0 && (p[0] == 'P' || p[0] == '\r') && seg.Conn.Sides[seg.From].Bytes == int64(seg.Length) && seg.Offset == 0 &&
		(bytes.HasPrefix(p, proxyLine) && bytes.HasSuffix(p, []byte("\r\n")) || bytes.HasPrefix(p, proxyBinary)):
		m[seg.Conn] = true
	case len(m) > 0 && (seg.Length > 0 || seg.End != reassembly.NotEnded):
		delete(m, seg.Conn)
	}
}
