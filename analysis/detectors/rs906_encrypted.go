package detectors

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// Encrypted is RS906: connections that carry TLS.
func Encrypted() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS906", Name: "encrypted", Severity: incident.Info, Since: "0.1.0",
		Summary: "connections are encrypted",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			groups := incident.Keep(r.Collector, incident.Texts[unreadTLS]{
				Title: func(f *incident.Finding, u *unreadTLS) string {
					what := "only connection-level checks were possible"
					if u.judged > 0 {
						what = fmt.Sprintf("judged by the times and ACK numbers of %s and %s", counted(u.writes, "write", "writes"), counted(u.replies, "reply", "replies"))
					}
					if n := r.Run().Summary().Decrypted; n > 0 {
						return fmt.Sprintf("%s of %s with TLS could not be read: %s", grouped(int64(f.Count)), counted(int64(f.Count)+n, "connection", "connections"), what)
					}
					return counted(int64(f.Count), "connection is encrypted", "connections are encrypted") + " (TLS, not RESP): " + what
				},
				Notes: func(f *incident.Finding, u *unreadTLS) []string { return u.notes() },
				Remedy: func(*incident.Finding, *unreadTLS) string {
					return "Give the key log of the clients with --keylog, or capture behind the TLS terminator (a sidecar's or stunnel's loopback side)."
				},
			})
			return analysis.Hooks{Ended: func(e *analysis.Ended) {
				s := e.Session
				if s.Kind != pairing.TLS {
					return
				}
				o := hiding(s, incident.Info)
				o.Evidence = func() incident.Example {
					h := s.Hidden()
					return incident.Example{
						File: r.Run().File(h.File), Frames: frames(h.Frame),
						Facts: []string{fmt.Sprintf("the payload is TLS records: %s of the client, %s of the server, none decoded",
							counted(h.Bytes[0], "byte", "bytes"), counted(h.Bytes[1], "byte", "bytes"))},
					}
				}
				groups.Add(o).see(s)
			}}
		},
	}
}

// unreadTLS counts what was not read, and what was looked at all the same.
type unreadTLS struct {
	judged, writes, replies int64            // connections to ports of Redis on which something was written, and what they are judged by
	ports                   map[uint16]int64 // connections to other ports, the first few of these
	others                  int64            // … in all
	reasons                 map[string]int64 // connections, by why they were not read; the first few reasons
}

// maxInNote is how many ports and reasons a note names.
const maxInNote = 5

func (u *unreadTLS) see(s *analysis.Session) {
	if u.ports == nil {
		u.ports, u.reasons = map[uint16]int64{}, map[string]int64{}
	}
	switch {
	case s.CommandCount > 0:
		u.judged++
		u.writes += int64(s.CommandCount)
		u.replies += int64(s.ReplyCount)
	case !s.RedisPort():
		if u.others++; u.ports[s.Server.Port()] > 0 || len(u.ports) < maxInNote {
			u.ports[s.Server.Port()]++
		}
	}
	if e := s.Conn.Encryption; e != nil && e.Unread != "" && (u.reasons[e.Unread] > 0 || len(u.reasons) < maxInNote) {
		u.reasons[e.Unread]++
	}
}

// notes say what was possible, and what was not.
func (u *unreadTLS) notes() (notes []string) {
	if u.judged > 0 {
		notes = append(notes, "These show who gave up (RS210, RS211) and what was used again with a reply owed (RS101: likely at most), stalls and pools (RS401, "+
			"RS2xx). What was asked and answered, and who got another call's reply, they do not.")
	} else {
		notes = append(notes, "RS1xx, RS3xx and RS4xx saw nothing of them; RS2xx did.")
	}
	if u.others > 0 {
		var ports []string
		for _, p := range byCount(u.ports) {
			ports = append(ports, fmt.Sprint(p))
		}
		notes = append(notes, fmt.Sprintf("%s to ports that are not known to be of Redis (%s), and not judged: if one is, give it with --port.",
			counted(u.others, "is", "are"), strings.Join(ports, ", ")))
	}
	for _, why := range byCount(u.reasons) {
		notes = append(notes, fmt.Sprintf("%s: %s.", counted(u.reasons[why], "connection", "connections"), why))
	}
	return notes
}

// byCount returns the keys of m, those with the most first.
func byCount[K cmp.Ordered](m map[K]int64) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	return keys
}
