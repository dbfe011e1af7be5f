package pairing

import (
	"bytes"

	"github.com/respsniff/respsniff/resp"
)

func sentReplconf(_ *mode, req *resp.Request, ex *Exchange) {
	if len(req.Args) > 1 && bytes.EqualFold(req.Args[1].Bytes, []byte("ACK")) {
		ex.Flags |= NoReplyDue | NotAwaited
	}
}

func servedPsync(s *Session, _ *Exchange, r *resp.Reply) {
	if r.Kind != resp.Error {
		becomeReplication(s)
	}
}

// becomeReplication stops all pairing: what follows is a replication stream.
func becomeReplication(s *Session) { stopPairing(s, Replication) }

// stopPairing ends the search for commands and replies: what follows is of another kind.
func stopPairing(s *Session, kind Kind) {
	s.Kind = kind
	s.open = nil
	for _, ex := range s.Pending.Rest() {
		ex.Flags |= NoReplyDue
		s.Shared.Release(ex)
	}
	s.Pending.Clear()
}
