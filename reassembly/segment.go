// Package reassembly turns packets into connections and the ordered TCP segments of both directions, as a passive
// observer can know them. It knows nothing of what the bytes mean.
package reassembly

import (
	"net/netip"

	"github.com/respsniff/respsniff/capture"
)

// Side is one end of a connection: an index into Conn.Ends.
type Side uint8

// The two sides. A is the end that opened the connection where its SYN was seen, else the sender of the first packet.
const (
	A Side = 0
	B Side = 1
)

// Other returns the opposite side.
func (s Side) Other() Side { return s ^ 1 }

// Flags are the TCP flags of RFC 9293 section 3.1, in wire order.
type Flags uint8

// TCP flags.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
)

// End says why nothing more follows on a connection.
type End uint8

// Ways for a connection to end.
const (
	NotEnded   End = iota
	EndFIN         // both sides sent FIN
	EndRST         // one side sent RST
	EndReused      // the same addresses and ports opened anew
	EndEvicted     // the connection table was full
	EndCapture     // the capture ended first
)

// NoAck stands in Segment.Ack where the packet carried no ACK flag.
const NoAck = int64(-1) << 63

// Segment is one TCP segment, handed out in this order: within a direction by stream offset, across directions in
// capture order, except that whatever waits for a hole to fill waits together with all that follows it on its
// connection. It is borrowed: valid until the next one is asked for.
//
// A segment that is not Late never acknowledges a place beyond what was handed out before it, bytes reported as Missing
// included. Where acknowledged bytes were never captured and none of their direction waits behind them, a segment that
// no packet stands for reports the loss: Length and Flags 0, Ack NoAck, From the side whose bytes are lost, Offset the
// place behind them, and Time and Frame of the packet that acknowledged them, which follows. A packet whose middle had
// been captured before comes as two segments of the same Frame.
type Segment struct {
	Conn  *Conn
	From  Side
	Flags Flags
	// End, if not NotEnded, says that nothing follows on Conn and that there is no packet behind it: only Conn
	// and Time are set. Time is that of the connection's last packet after FIN or RST, else the capture's time so far.
	End End

	Time  capture.Time
	Frame int64 // in its file
	File  int32

	// Offset is the place of the first new byte in the sender's stream: the end of all that was handed out or reported
	// as Missing, also where the packet lies before it (as RawSeq shows). 0 is the byte after the SYN, or, where no SYN was
	// seen, the first byte or first acknowledged place that was; earlier places are negative. A FIN takes one place.
	Offset int64
	// Length counts the new bytes of this segment, from the IP header: the capture may hold fewer. 0 for a segment
	// that carries only control information or only bytes that were seen before.
	Length int
	// Payload is the captured part of the Length new bytes, from Offset on.
	Payload []byte
	// Missing counts the bytes directly before Offset that were sent and acknowledged, or waited for in vain, and
	// never captured. The sum over a side's segments is SideStats.Lost. A FIN that was lost counts as one byte.
	Missing int64
	// Framing counts the places directly before Offset, behind those that are Missing, that hold nothing for who reads the
	// stream: what encloses the content of an encrypted record, and whole records that are none of the application's. Only
	// a stage that decrypts sets it; it may then be all that a segment carries.
	Framing int64
	// Sealed says that the Length bytes before the segment's end are the content of encrypted records that cannot be read, as far
	// as the lengths of the records tell. Payload is empty.
	Sealed bool
	// Unverified says that Payload was decrypted without the check that nobody altered it, as the capture holds only a part
	// of its record.
	Unverified bool
	// Ack is the sender's acknowledgement number as an offset in the other side's stream, or NoAck. For new bytes it is
	// the one of the first captured copy.
	Ack int64
	// Late says that later bytes of this direction, or an acknowledgement of this segment's, had been captured before
	// it, so that it may be a retransmission whose original was lost: its Ack may be newer than that of the first
	// transmission, and may acknowledge what is handed out only after it. A segment that only stands in the wrong place of
	// the file, as its time, TCP timestamp or IP identifier shows, is not Late.
	Late bool
	// Repeated counts payload bytes that had been captured before (retransmission, keep-alive byte, SPAN duplicate).
	Repeated int
	// Conflict says that repeated bytes differed from what was captured first; the first copy counts. It is seen
	// only where both copies are at hand: bytes that still wait, the latest few segments of a side, with whatever borders they
	// are sent again, and of earlier ones a retransmission with the same borders. Of long segments the begin and the end are compared.
	Conflict bool
	// Plain says that the segment is like nearly all: it carries new bytes, captured whole, or an acknowledgement, and
	// nothing else; ACK is its only flag beside PSH.
	Plain bool
	// Probe says that this is a keep-alive or zero-window probe: at most one byte, at the place before the next one due.
	Probe bool

	Header
}

// Header is what the headers of a segment's packet say beside its place.
type Header struct {
	RawSeq, RawAck uint32 // as in the packet
	Window         uint32 // advertised, scaled where the handshake was seen
	TTL            uint8  // or IPv6 hop limit
	IPID           uint16 // 0 for IPv6
	HasTS          bool   // TCP timestamps present (RFC 7323)
	TSVal, TSEcr   uint32
}

// Conn is one TCP connection between two ends: from a SYN, or the first packet seen, to its end. The same addresses
// and ports used again are another Conn.
type Conn struct {
	ID    int64             // from 1, in order of first packets
	Ends  [2]netip.AddrPort // indexed by Side
	Start Start
	File  int32        // which has the first packet
	First capture.Time // of the first packet in the file
	Last  capture.Time // the latest of all packets
	Sides [2]SideStats // what each side sent

	// Tag belongs to the consumer, which hangs its own state on the connection; nil at first.
	Tag any
	// Encryption describes what encloses the streams, as far as a stage that knows it has found out; nil: nothing does.
	Encryption *Encryption
}

// Encryption is what was found out of the TLS of one connection.
type Encryption struct {
	Version    string // "TLS 1.3"; "": the handshake was not captured
	Suite      string // IANA name of the cipher suite, or its number; "": not captured
	Resumed    bool   // an earlier session was continued: by ticket, session ID or pre-shared key
	KeyUpdates int    // seen, of both sides
	// Records counts those with content of the application, as far as is known, Read those of them whose content was read.
	Records, Read int64
	Unverified    int64  // of those read: decrypted without the check of their tags
	Broken        bool   // bytes came that are no records
	Unread        string // why what was not read was not; "": all was
	// State belongs to the stage.
	State any
}

// Start says how a connection came into view.
type Start uint8

// Ways for a connection to come into view.
const (
	MidStream  Start = iota // no SYN was seen
	Handshake               // the SYN was seen
	HandshakeB              // only the SYN-ACK was seen; side A is the one it was sent to
)

// SideStats counts what one side of a connection sent.
type SideStats struct {
	Packets  int64  // exact copies not counted
	Bytes    int64  // stream bytes handed out, with those of Cut
	Lost     int64  // stream bytes that were never captured
	Cut      int64  // stream bytes beyond the snapshot length
	Repeated int64  // stream bytes captured more than once
	FirstSeq uint32 // raw sequence number of offset 0
	Seen     bool   // any packet of this side was captured
}

// Rel converts an offset of side s's stream to the relative sequence number that Wireshark shows: it counts the SYN as
// 0 and the first byte as 1, also where the SYN was not captured.
func (c *Conn) Rel(offset int64) int64 { return offset + 1 }
