package pairing

import (
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Oddity is something in the streams that is no exchange.
type Oddity struct {
	Session *Session
	What    OddityKind
	Reply   *resp.Reply // where a whole reply is concerned
	Info    *ReplyInfo
	Text    string // the decoder's words, safe to print
	Frame   int64
	File    int32
	Time    capture.Time
	Offset  int64
	Sample  []byte // bytes around it, borrowed
	// Exchange is the command concerned, if there is one: of ShortReply the one that the aggregate answers, of TornWrite
	// and Unsolicited the one before.
	Exchange *Exchange
	Gap      time.Duration // of ShortReply, TornWrite and StaleMode: the silence before, behind CLIENT REPLY after it
	Closed   bool          // of StaleMode behind CLIENT REPLY: the silence ended with the client's close
	From     int64         // of TornWrite: where the interrupted command begins
	Refused  bool          // of TornWrite: the server called it a protocol error
	// Spilled is, of Unsolicited, the command of a transaction whose reply it is, behind the end of EXEC's array; 0: of none.
	Spilled int
	// Before is, of UnanchoredSeen, the command before which the one that it answers was written and never captured; 0:
	// that is not known.
	Before int
}

// OddityKind is the kind of an Oddity.
type OddityKind uint8

// Oddities.
const (
	Unsolicited    OddityKind = iota // a reply that no command asked for
	AtAccept                         // an error before the server had read anything
	BadRequest                       // client bytes that are no request
	BadReply                         // server bytes that are no reply
	PushInReply                      // a push inside another reply
	PushMessage                      // an ordinary push or message
	UnanchoredSeen                   // a reply that cannot be tied to a command after a loss or a start in mid-stream
	ProtocolError                    // the server's answer to bytes that are no request; it closes then
	ShortReply                       // an aggregate of which the server wrote fewer elements than it announced
	StaleMode                        // a command sent, after a pause, in a mode that another user of the connection left on
	TornWrite                        // a command that begins, after a pause, where the bytes of another one are due
)

// Event marks an oddity as an event.
func (*Oddity) Event() {}

func reportOdd(s *Session, kind OddityKind, reply *resp.Reply, info *ReplyInfo) {
	o := &s.Shared.push // a cache that is told of every change gets as many of these as replies
	if kind != PushMessage {
		o = new(Oddity)
	}
	*o = Oddity{Session: s, What: kind, Reply: reply, Info: info, Frame: info.Frame, File: info.File, Time: info.Time, Offset: info.Start}
	s.Sink.Oddity(o)
}

// reportOddity reports something odd about a reply, with its place.
func reportOddity(s *Session, o *Oddity) {
	o.Frame, o.File, o.Time, o.Offset = o.Info.Frame, o.Info.File, o.Info.Time, o.Info.Start
	s.Sink.Oddity(o)
}

func reportMalformed(s *Session, who int, seg *reassembly.Segment, err error) {
	kind := BadReply
	if who == RoleClient {
		kind = BadRequest
	}
	s.Sink.Oddity(&Oddity{Session: s, What: kind, Text: err.Error(), Frame: seg.Frame, File: seg.File, Time: seg.Time, Offset: seg.Offset, Sample: seg.Payload})
}
