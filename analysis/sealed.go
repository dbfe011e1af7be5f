package analysis

import (
	"hash/fnv"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/sealed"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// takeSealed takes a segment of a connection that is encrypted and not read. A connection of which a part was read stays one of
// RESP: what is sealed of it is like bytes that the snapshot length cut off.
func takeSealed(s *Session, who int, seg *reassembly.Segment) {
	if s.sealed == nil && seg.Sealed && (s.Kind == pairing.Undecided || s.Kind == pairing.TLS) && s.RedisPort() {
		s.sealed = sealed.New(&s.Session, s.run.sealed)
	}
	if s.sealed != nil {
		s.sealed.Before(who, seg)
	}
	s.reader.Segment(who, seg)
	looked := false
	if who == pairing.RoleClient {
		if seg.Plain {
			s.topo.FromClient(seg)
		}
		if looked = s.FromClient(seg); s.sealed != nil {
			s.sealed.FromClient(seg)
		}
	} else {
		if seg.Plain {
			s.topo.FromServer(seg)
		}
		if looked = s.FromServer(seg); s.sealed != nil {
			s.sealed.FromServer(seg)
		}
	}
	if looked || s.CommandCount > 0 {
		s.reader.Settle()
	}
	if !seg.Plain {
		s.TakeFlags(who, seg)
	}
	s.facts.See(&s.Session, who, seg, s.owes())
}

// sentSealed takes a write that cannot be read.
func sentSealed(s *Session, ex *pairing.Exchange, req *resp.Request, start *pairing.SegmentMark) {
	sum := &s.run.summary
	if sum.SealedWrites++; s.CommandCount == 1 {
		sum.Sealed++
	}
	s.facts.Command(&s.Session, ex)
	s.topo.Sent(ex, req)
	s.reader.Sent(ex, start)
}

// signatureOf names the set-up of a connection as far as it is in the clear: what one program negotiates with one server is
// always the same.
func signatureOf(e *reassembly.Encryption) uint64 {
	h := fnv.New64a()
	h.Write([]byte("tls"))
	if e != nil {
		h.Write([]byte(e.Version + " " + e.Suite))
	}
	return h.Sum64()
}
