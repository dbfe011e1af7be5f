package tlsrecord

// Records that cannot be read still tell what they are: by their type where it is in the clear, else by their place in the
// protocol, and by lengths that nothing else can have. What is no content of the application must not be taken for a command
// or a reply: a session ticket, which servers send behind the handshake, acknowledges the first command and would look like
// its reply.

// Content types (RFC 8446 section 5.1).
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeApplicationData  = 23
)

// tls13 is the version of TLS 1.3 in supported_versions.
const tls13 = 0x0304

// Lengths of the fragments of TLS 1.3 records with content of a fixed size: the content, its type and the tag (section 5.2).
const (
	expansion13     = 1 + 16
	alert13         = 2 + expansion13     // level and description: shorter than the shortest reply, ":1\r\n"
	keyUpdate13     = 4 + 1 + expansion13 // header and request_update: shorter than the shortest command, "PING\r\n"
	leastTicket13   = 4 + 4 + 4 + 1 + 2 + 1 + 2 + expansion13
	finished13      = 4 + 32 + expansion13 // with a hash of 32 bytes
	finished13Large = 4 + 48 + expansion13 // … of 48 bytes
)

// MaxContent is how much content a record has at most (RFC 8446 section 5.1): behind one that is full the same write goes on.
const MaxContent = 1 << 14

// SealedRecord is what is seen of a record: its header, and the segment that completes it.
type SealedRecord struct {
	Type       uint8
	Length     int  // of its fragment, from the header
	FromClient bool // else from the server
	// End is the place behind it in its sender's stream, Ack what its sender had received by then, as a place in the other
	// stream; below 0 it is not known.
	End, Ack int64
}

// Sealed says of each record of one connection whether it has content of the application. The zero value is a connection whose
// handshake was not seen. Records are taken in the order of the capture.
type Sealed struct {
	version uint16 // of the ServerHello; 0: it was not seen
	suite   uint16
	// finished says that the client's Finished has passed: what either side sends before it is of the handshake.
	finished bool
	flight   int64 // place behind the client's last record before that; 0: there was none
	first    int64 // place behind the first record of the client that had content of the application; 0: there was none
	asked    bool  // the client sent content, and the server none since
	updates  bool  // the client sent a KeyUpdate that the server may answer
	answered bool  // the server sent content: tickets come before that
	ticket   int   // length of the record that came last, where it is a ticket or may be one; else 0
	tickets  *Tickets
}

// Tickets remembers how long the session tickets of one server are, where the order of records showed that they are some: of few
// lengths, by whether the client has a certificate and whether the session was resumed.
type Tickets struct{ lengths [8]int32 }

func (t *Tickets) add(length int) {
	if t != nil && !t.has(length) {
		copy(t.lengths[1:], t.lengths[:])
		t.lengths[0] = int32(length)
	}
}

func (t *Tickets) has(length int) bool {
	if t != nil {
		for _, l := range t.lengths {
			if int(l) == length && length > 0 {
				return true
			}
		}
	}
	return false
}

// Hello takes the ServerHello: the version and the cipher suite that it chose. tickets, which may be nil, is shared by the
// connections of one server.
func (s *Sealed) Hello(version, suite uint16, tickets *Tickets) {
	*s = Sealed{version: version, suite: suite, tickets: tickets}
}

// Lost takes that bytes of one side were not captured: the client's Finished may be among them.
func (s *Sealed) Lost(fromClient bool) {
	s.finished = s.finished || fromClient
	s.ticket = 0
}

// Application reports whether a record has content of the application.
func (s *Sealed) Application(r *SealedRecord) bool {
	if r.Type != typeApplicationData {
		if s.version == 0 && r.Type == typeAlert {
			s.version = tls13 - 1 // behind a handshake that was not seen it is in the clear before TLS 1.3 only
		}
		return false
	}
	if s.version == 0 || s.version == tls13 {
		if r.FromClient {
			if s.ofClient13(r) {
				return false
			}
		} else if s.ofServer13(r) {
			return false
		}
	}
	if r.FromClient {
		if s.asked = true; s.first == 0 {
			s.first = r.End
		}
		return true
	}
	if s.ticket = 0; !s.answered {
		s.ticket = r.Length // it may be one that cannot be told from the reply to the first command
	}
	s.asked, s.answered = false, true
	return true
}

// ofClient13 reports whether a record of the client in TLS 1.3 is the protocol's: up to its Finished the handshake's (behind its
// certificate, if it has one), then its alerts and KeyUpdates.
func (s *Sealed) ofClient13(r *SealedRecord) bool {
	switch {
	case s.version == tls13 && !s.finished:
		s.finished = r.Length == s.finishedLength() || s.suite == 0 && r.Length == finished13Large
		s.flight = r.End
		return true
	case r.Length == keyUpdate13:
		s.updates = true
		return true
	}
	return r.Length == alert13
}

// finishedLength is the length of a Finished record: as long as the hash of the suite (RFC 8446 sections 4.4.4 and B.4).
func (s *Sealed) finishedLength() int {
	if s.suite == 0x1302 { // TLS_AES_256_GCM_SHA384
		return finished13Large
	}
	return finished13
}

// ofServer13 reports whether a record of the server in TLS 1.3 is the protocol's: all before the client's Finished, and then its
// alerts, its tickets and its KeyUpdates.
func (s *Sealed) ofServer13(r *SealedRecord) bool {
	if s.version == tls13 && !s.finished {
		if s.flight == 0 || r.Ack < s.flight {
			return true
		}
		s.finished = true // padded, or of another length: a server sends nothing before the client's flight is whole
	}
	switch {
	case r.Length == alert13:
		return true
	case s.version == tls13 && s.isTicket(r):
		return true
	case r.Length == keyUpdate13 && s.updates && !s.asked:
		s.updates = false // servers answer before they read on; while a reply is due it may be "+OK"
		return true
	}
	return false
}

// isTicket recognises the session tickets that a server sends between the handshake and its first reply: what it sends before it
// has any command can be nothing else, and what is as long as one that is known is one too. A record that is as long as the one
// directly before it, and answers nothing, shows that both were: that one was the first behind the handshake.
func (s *Sealed) isTicket(r *SealedRecord) bool {
	switch {
	case r.Length < leastTicket13:
		return false
	case s.first == 0 || r.Ack >= 0 && r.Ack < s.first, s.answered && !s.asked && r.Length == s.ticket:
		s.ticket = r.Length
		s.tickets.add(r.Length)
		return true
	}
	return !s.answered && (r.Length == s.ticket || s.tickets.has(r.Length))
}
