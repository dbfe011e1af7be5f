package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
)

// Encrypted is RS906: connections that carry TLS.
func Encrypted() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS906", Name: "encrypted", Severity: analysis.Info, Since: "0.1.0",
		Summary: "connections are encrypted",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *analysis.Finding) string {
				if f.Count == 1 {
					return "1 connection is encrypted (TLS, not RESP): only connection-level checks were possible"
				}
				return grouped(int64(f.Count)) + " connections are encrypted (TLS, not RESP): only connection-level checks were possible"
			}
			r.Notes = func(*analysis.Finding) []string {
				return []string{"RS1xx, RS3xx and RS4xx saw nothing of them; RS2xx did."}
			}
			r.Remedy = func(*analysis.Finding) string {
				return "Capture behind the TLS terminator (a sidecar's or stunnel's loopback side), where Redis is in the clear."
			}
			return analysis.Hooks{Ended: func(e *analysis.Ended) {
				s := e.Session
				if s.Kind != analysis.TLS {
					return
				}
				o := hiding(s, analysis.Info)
				o.Evidence = func() analysis.Example {
					h := s.Hidden()
					return analysis.Example{
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
