package reader

import (
	"net/netip"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// Command is one command as its client wrote it.
type Command struct {
	Index      int32 // on its connection, from 1, without gaps
	Flags      CommandFlags
	Time       capture.Time // first byte
	EndTime    capture.Time // last byte
	Start, End int64        // place in the client's stream
	// Ack is what the client had received when the first byte was first transmitted, as a place in the server's stream;
	// below 0 it is not known.
	Ack int64
}

// CommandFlags are facts about a command.
type CommandFlags uint16

// Facts about a command.
const (
	Awaited   CommandFlags = 1 << iota // a reply is due, and a caller waits for it
	SetUp                              // of the connection's set-up, written ahead by many libraries
	Farewell                           // QUIT or RESET
	Blocking                           // waits on the server by design
	Joined                             // begins in the segment that the command before it began in, or directly continues it
	FullSized                          // its first segment was as large as this client's get: more of the write may follow
	AfterLoss                          // bytes were lost before it, in either direction
	Unsure                             // its pairing with a reply is not certain, until a reply that is certain comes
	Resent                             // may be a retransmission: Ack may be too new
	LeftOut                            // the server sent no reply, though one was due; told by Conn.LeftOut
	Drains                             // its caller throws away every reply before its own; told by Conn.Drains
	inPieces                           // it is no large one, and was in several segments: its writer writes in pieces
	isSettled                          // of a write: its caller read its own reply
)

// Reply is one reply of the server's stream.
type Reply struct {
	// Index is the command that it serves; 0: none asked for it; below 0: one that was never captured, written before the
	// command -Index.
	Index int32
	// Unsure says that Index is not certain. A reply that is certain makes those directly before it certain too.
	Unsure bool
	Time   capture.Time // last byte, at the tap
	Start  int64        // place in the server's stream: [Start, End)
	End    int64
	Type   inference.Type
}

// Key names a population: the connections of one client address with the same set-up.
type Key struct {
	Client netip.Addr
	SetUp  uint64
}

// Ending is how a connection ended.
type Ending struct {
	Time     capture.Time
	ByClient bool // its FIN or RST came first
	Reset    bool
	Ack      int64 // of the client's FIN; below 0: not known
}
