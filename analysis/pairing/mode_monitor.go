package pairing

import "github.com/respsniff/respsniff/resp"

// monitorState is whether the server sends a line for each command that it carries out.
type monitorState uint8

const (
	monitorOff monitorState = iota
	monitorAsked
	monitorOn
	monitorEnding // RESET was sent: lines may still come
)

func sentMonitor(m *mode, _ *resp.Request, ex *Exchange) {
	if m.monitor == monitorAsked || m.monitor == monitorOn {
		ex.Flags |= NoReplyDue // Redis ignores the second one and sends no reply
		return
	}
	m.monitor = monitorAsked
}

func servedMonitor(s *Session, _ *Exchange, r *resp.Reply) {
	if r.Kind != resp.Error {
		s.Mode.monitor = monitorOn
		s.Kind = Monitor
	}
}

// watchMonitor reports the next user of a connection that was returned to its pool as a MONITOR.
func watchMonitor(s *Session, ex *Exchange) {
	if s.Mode.monitor < monitorOn || ex.idle < staleIdle || ex.Verb == VerbQuit || ex.Verb == VerbReset || ex.Verb == verbMonitor {
		return
	}
	s.Sink.Oddity(&Oddity{
		Session: s, What: StaleMode, Frame: ex.Frame, File: ex.File, Time: ex.Time, Offset: ex.Start, Exchange: ex, Gap: ex.idle, Text: "MONITOR",
	})
}
