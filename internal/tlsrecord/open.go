package tlsrecord

import (
	"fmt"

	"github.com/respsniff/respsniff/internal/tlsrecord/protect"
)

// record takes the next record of a direction.
func (s *Stage) record(c *conn, d *direction, r *record) {
	typ := r.head[0]
	client := d.isOf(c, true)
	app := false
	if client && c.hello.client && !c.hello.server && c.seen.version == 0 {
		s.guess(c, d, r)
	}
	if typ == typeChangeCipherSpec || typ == typeApplicationData || d.on {
		app = c.seen.Application(&SealedRecord{Type: typ, Length: r.length, FromClient: client, End: r.end, Ack: s.packet.Ack})
	}
	switch {
	case typ == typeChangeCipherSpec:
		// TLS 1.3 sends it for middleboxes, and it means nothing (RFC 8446 section D.4).
		if !d.on && c.hello.version != tls13 {
			d.on, d.seq, d.sure = true, 0, true
			c.info.Resumed = c.info.Resumed || c.hello.server && !c.hello.full && !client // RFC 5246 section 7.3
		}
	case typ != typeApplicationData && !d.on:
		if typ == typeHandshake {
			c.handshake(s, d, r)
		}
	default:
		s.encrypted(c, d, r, app)
	}
	d.done = r.end
}

// guess tells the version by a record of the client, where the ServerHello is not in the capture: behind the ClientHello the first
// encrypted one is its Finished, or its certificate, of which only TLS 1.3 makes records of the application's type.
func (s *Stage) guess(c *conn, d *direction, r *record) {
	switch {
	case r.head[0] == typeApplicationData:
		c.seen.Hello(tls13, 0, s.tickets.of(s.packet.Conn.Ends[c.client.Other()]))
	case r.head[0] != typeHandshake || !d.on:
	case len(r.body) > 2 && r.body[0] == msgClientHello && r.body[1] == 0: // a second one, which a HelloRetryRequest asked for
		d.on = false
	default:
		c.seen.version = tls13 - 1
	}
}

// encrypted takes a record that is encrypted. app says that, going by what can be seen of it, it has content of the application.
func (s *Stage) encrypted(c *conn, d *direction, r *record, app bool) {
	i := c.info
	if d.keys != nil || s.unlock(c, d, r) {
		if r.whole() {
			if typ, content, ok := s.openWhole(d, r); ok {
				s.opens(c, d, r, typ, content)
				return
			}
			s.doubt(c, d, r)
		} else if d.started && d.sure {
			s.part(c, d, r)
			return
		} else {
			d.blind++
		}
	}
	switch {
	case d.keys != nil && !d.started && !c.other(d).started:
		app = false // of the handshake, whose keys are others
	case app && s.seeks(c, d):
		if app = false; !r.whole() && !d.idle {
			d.gap += int64(s.contentLength(c, d, r.length)) // it may be anything
		}
	}
	if !app {
		return
	}
	i.Records++
	n := s.contentLength(c, d, r.length)
	seg := s.content(r.end, nil, n)
	if seg.Sealed = d.keys == nil && c.search != found; !seg.Sealed {
		c.failed++
	}
}

func (c *conn) other(d *direction) *direction {
	if d == &c.half[0] {
		return &c.half[1]
	}
	return &c.half[0]
}

// contentLength is how much content a record of this length has, where it has no padding.
func (s *Stage) contentLength(c *conn, d *direction, length int) int {
	if d.keys != nil {
		return d.keys.ContentLength(length)
	}
	suite := protect.ByNumber(c.hello.suite)
	if !c.hello.server {
		suite = protect.ByNumber(suites13[0])
	}
	return max(length-suite.Overhead(), 0)
}

// openWhole opens a whole record, and finds its sequence number again where that is not sure.
func (s *Stage) openWhole(d *direction, r *record) (typ byte, content []byte, ok bool) {
	keys, seq := d.keys, d.seq
	content, typ, ok = s.with(keys, r, seq)
	if !ok && (!d.sure || !d.started) {
		if keys, seq, ok = s.again(d, r); ok {
			content, typ, ok = s.with(keys, r, seq)
		}
	}
	if !ok && d.other != nil && !d.started {
		first := d.keys
		d.keys, d.other = d.other, nil
		if typ, content, ok = s.openWhole(d, r); !ok {
			d.keys, d.other = first, d.keys
		}
		return typ, content, ok
	}
	if !ok {
		return 0, nil, false
	}
	if d.gap > 0 && d.gap == d.skipped && d.started && keys == d.keys {
		// Of what was lost, so many records had so much around their content.
		d.gap -= min(d.gap, int64(seq-d.seq)*int64(headerSize+keys.Overhead()))
	}
	d.keys, d.seq = keys, seq+1
	d.started, d.sure, d.skipped, d.blind = true, true, 0, 0
	return typ, content, true
}

// with opens a record. The content is appended to that of the packet's other records.
func (s *Stage) with(k *protect.Keys, r *record, seq uint64) (content []byte, typ byte, ok bool) {
	if cap(s.plain)-len(s.plain) < len(r.body) {
		s.plain = make([]byte, 0, max(2*cap(s.plain), len(r.body)))
	}
	at := len(s.plain)
	content, typ, ok = k.Open(s.plain[at:at], r.head, r.body, seq)
	s.plain = s.plain[:at+len(content)]
	return content, typ, ok
}

// leastRecord is the shortest record: the header, an empty content, its type and the tag.
const leastRecord = headerSize + 1 + 16

// again finds the sequence number of a record behind a hole: no more records can be lost than the places lost have room for. There
// may have been a KeyUpdate among them.
func (s *Stage) again(d *direction, r *record) (k *protect.Keys, seq uint64, ok bool) {
	if d.keys.TLS12() && d.skipped == 0 {
		return nil, 0, false // it counts from the ChangeCipherSpec on
	}
	most := min(uint64(d.skipped)/leastRecord+uint64(d.blind)+1, farthest)
	k = d.keys
	for g := range generations {
		from := d.seq
		if g > 0 {
			from = 0
		}
		if k.TellsSequence() {
			if seq, ok = k.Sequence(r.head, r.body); ok && seq >= from {
				return k, seq, true
			}
		} else if seq, ok = k.Search(r.head, r.body, from, from+most); ok {
			return k, seq, true
		}
		if d.skipped == 0 || k.TLS12() {
			break
		}
		k = k.Next()
	}
	return nil, 0, false
}

// opens takes the content of a record.
func (s *Stage) opens(c *conn, d *direction, r *record, typ byte, content []byte) {
	switch typ {
	case typeApplicationData:
		if len(content) == 0 {
			return
		}
		c.info.Records++
		c.info.Read++
		s.content(r.end, content, len(content))
	case typeHandshake:
		// A KeyUpdate changes the sender's key (RFC 8446 section 4.6.3).
		if len(content) >= 5 && content[0] == msgKeyUpdate && !d.keys.TLS12() {
			d.keys, d.seq = d.keys.Next(), 0
			c.info.KeyUpdates++
		}
	}
}

const msgKeyUpdate = 24

// part hands on what there is of a record that the capture holds a part of. Nothing checks it.
func (s *Stage) part(c *conn, d *direction, r *record) {
	typ := r.head[0]
	if n := d.keys.ContentLength(r.length); typ == typeApplicationData && n > 0 {
		c.info.Records++
		c.info.Read++
		c.info.Unverified++
		content := d.keys.OpenPart(nil, r.head, r.body, d.seq)
		content = content[:min(len(content), n)]
		from, to := len(content), n
		if r.from < r.to {
			lead := d.keys.Lead()
			from, to = min(max(r.from-lead, 0), len(content)), min(max(r.to-lead, 0), n)
		}
		if !r.never || r.from >= r.to || to > len(content) {
			s.content(r.end, content[:from], n).Unverified = true
		} else {
			// What was lost in its middle lies between two pieces.
			rest := n - to
			if from > 0 {
				s.content(r.end-int64(n-from), content[:from], from).Unverified = true
			}
			d.gap += int64(to - from)
			if rest > 0 {
				s.content(r.end, content[to:], rest).Unverified = true
			}
		}
	}
	d.seq++
}

// doubt takes a record that no key opened though it is whole. Behind the client's Finished, before anything was lost, that
// shows that the keys are none of this connection.
func (s *Stage) doubt(c *conn, d *direction, r *record) {
	if d.started || c.other(d).started || d.skipped > 0 || c.other(d).skipped > 0 || c.search != found {
		return
	}
	if d.keys.TLS12() || !d.isOf(c, true) && c.seen.finished && c.seen.flight > 0 && s.packet.Ack >= c.seen.flight && d.blind == 0 {
		c.fail(wrongKeys)
	}
}

// unread says how much was not read.
func (c *conn) unread() string {
	i := c.info
	switch {
	case i.Records == i.Read:
		return ""
	case i.Read == 0 && c.reason != "":
		return c.reason
	}
	return fmt.Sprintf("%d of %d records of the application could not be opened", i.Records-i.Read, i.Records)
}
