package detectors

import (
	"fmt"

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
			r.Title = func(f *incident.Finding) string {
				if f.Count == 1 {
					return "1 connection is encrypted (TLS, not RESP): only connection-level checks were possible"
				}
				return grouped(int64(f.Count)) + " connections are encrypted (TLS, not RESP): only connection-level checks were possible"
			}
			r.Notes = func(*incident.Finding) []string {
				return []string{"RS1xx, RS3xx and RS4xx saw nothing of them; RS2xx did."}
			}
			r.Remedy = func(*incident.Finding) string {
				return "Capture behind the TLS terminator (a sidecar's or stunnel's loopback side), where Redis is in the clear."
			}
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
				r.Add(o)
			}}
		},
	}
}
