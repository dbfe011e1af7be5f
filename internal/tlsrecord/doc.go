// Package tlsrecord is the stage that reads the records of TLS in the streams of connections, and hands on segments that hold
// what the records enclose.
//
// Places stay those of the TCP stream. A record in the places [a, b) with n bytes of content is handed on, with the packet
// that completes it, as a segment with Offset b-n, Length n and the content as its Payload; what encloses it, and
// whole records that hold nothing for the application, are counted as Framing. Behind each record the reader's place is thus the
// record's end, where ACK numbers are, too. An ACK number in the middle of a record is given as the begin of the record: who
// received a part of it can read nothing of it yet.
//
//  1. a direction is cut into records (direction.go); behind a hole the next record begins with a packet that begins with
//     the header of one;
//  2. the handshake, as far as it is in the clear, names version, suite and session (hello.go);
//  3. keys are found by the client's random, by the session that is resumed, or by trial (unlock.go);
//  4. a record is opened, behind a hole after its sequence number was found again (open.go), or what it is is told
//     from its length and place (sealed.go);
//  5. what it holds is handed on (output.go).
package tlsrecord
