package keylog

import "fmt"

// Lines returns what is known of a connection as lines of a key log, for those who ask for just that.
func (l *Log) Lines(r Random) []byte {
	s := l.entries[r]
	if s == nil {
		return nil
	}
	var lines []byte
	for _, x := range []struct {
		label  string
		secret []byte
	}{{"CLIENT_RANDOM", s.Master}, {"CLIENT_TRAFFIC_SECRET_0", s.Client}, {"SERVER_TRAFFIC_SECRET_0", s.Server}} {
		if x.secret != nil {
			lines = fmt.Appendf(lines, "%s %x %x\n", x.label, r[:], x.secret)
		}
	}
	return lines
}

// Session returns the line for a connection of TLS 1.2 that resumed a session, of which no line need have been logged.
func Session(r Random, master []byte) []byte {
	return fmt.Appendf(nil, "CLIENT_RANDOM %x %x\n", r[:], master)
}
