package analysis

import (
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/reassembly"
)

// retire closes the record of a session that is over and judged.
func (s *Session) retire() {
	r := s.run
	s.reader.Forget()
	row := s.summary()
	if row.End == "open" && s.Closing[pairing.RoleClient].Frame == 0 { // else no caller can use it any more
		r.register.StillOpen(s.ID)
	}
	if d := s.reader.Desync; d != nil {
		d.Session, d.Open = &s.reader, false
		r.findings.lostPlace(d, &row, r.File)
		s.reportDesync()
		r.judging.Kept -= len(d.Abandoned)
	}
	r.closed(row)
	r.live--
	r.sessions.Put(s)
}

// summary makes the row of the conns command.
func (s *Session) summary() ConnSummary {
	c := ConnSummary{
		ID: s.ID, Client: s.Client, Server: s.Server, First: s.First, Last: s.Last, File: s.File, Start: "syn", End: "open",
		Protocol: s.Kind.String(), RoleBy: s.RoleBy.String(), Commands: s.CommandCount, Replies: s.ReplyCount,
		Dirty: s.reader.Dirty, Behind: s.reader.Behind, LostBytes: s.Lost[0] + s.Lost[1], Encryption: s.encryption,
	}
	if s.Start == reassembly.MidStream {
		c.Start = "midstream"
	}
	if s.Kind == pairing.Unparsed {
		c.Commands = 0
	}
	switch s.End {
	case reassembly.EndFIN:
		c.End = "fin"
	case reassembly.EndRST:
		c.End = "rst"
	case reassembly.EndReused, reassembly.EndEvicted:
		c.End = "cut"
	}
	c.Policy = client.PolicyUnknown.String()
	if c.pop = s.caller.Pop; c.pop != nil && s.reader.Weighed() {
		c.Policy, c.weighed = s.Use().Policy.String(), true
	}
	return c
}
