package resp

import (
	"errors"
	"strconv"
)

// ErrShort says that all bytes fed so far are consumed and that the next value, if one has begun, needs more. It is no
// fault: feed the next segment and call Next again.
var ErrShort = errors.New("resp: more bytes needed")

// Fault is the class of a SyntaxError.
type Fault uint8

// Classes of syntax errors.
const (
	// ProtocolFault is a violation of the framing rules. A Redis server answers it with one error and closes.
	ProtocolFault Fault = iota
	// CrossProtocol is a request named POST or Host:, by which a browser may have been made to talk to Redis. A
	// server since 3.2.7 closes the connection without a word.
	CrossProtocol
)

// SyntaxError says that the bytes at Offset are no RESP. The decoder has already given up the value they stood in and
// looks for the next plausible boundary by itself: call Next again.
type SyntaxError struct {
	Offset int64  // stream offset of the offending line or byte
	Msg    string // for requests the text of Redis, such as "Protocol error: invalid bulk length"
	Fault  Fault
}

func (e *SyntaxError) Error() string {
	return "resp: offset " + strconv.FormatInt(e.Offset, 10) + ": " + e.Msg
}
