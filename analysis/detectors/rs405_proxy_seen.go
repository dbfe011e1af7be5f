package detectors

import (
	"bytes"
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// What makes latencies those of a proxy that answers PING by itself.
const (
	splitMin    = 50                     // samples of either kind
	splitFactor = 4                      // commands with keys are that many times slower at best than PING at worst
	splitGap    = 300 * time.Microsecond // … and by so much
)

// ProxySeen is RS405: a proxy stands between the client and Redis.
func ProxySeen() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS405", Name: "proxy-seen", Severity: incident.Medium, Since: "0.1.0",
		Summary: "replies that only a proxy gives: the other end is not Redis itself",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				if f.Severity == incident.Info {
					return fmt.Sprintf("%s looks like a proxy: it answers PING by itself", f.Server)
				}
				return fmt.Sprintf("%s is a proxy: it answered %s in place of a server", f.Server, incident.Counted(f.Count, "command", "commands"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "There is a proxy; findings on this side are about the leg between client and proxy. Capture the other leg too."
			}
			return analysis.Hooks{
				Error: func(a *analysis.Answered) {
					if p := proxyText(a.Reply.Text); p != nil {
						r.Add(fromProxy(r.Run(), a, p))
					}
				},
				Finish: func(run *analysis.Run) {
					for _, server := range run.Topology().Servers() {
						pings, keyed, slow, fast := run.Topology().PingSplit(server)
						if pings < splitMin || keyed < splitMin || fast < slow*splitFactor || fast-slow < splitGap {
							continue
						}
						r.Add(incident.Occurrence{
							AnyClient: true, Server: server, Time: run.Summary().First, Severity: incident.Info, Confidence: pairing.Possible,
							Evidence: func() incident.Example {
								return incident.Example{Facts: []string{
									fmt.Sprintf("95 %% of %d PINGs were answered within %s, 95 %% of %d commands with keys took %s or more", pings, seconds(slow), keyed, seconds(fast)),
									"Redis answers both in the same loop; a proxy answers PING by itself",
								}}
							},
						})
					}
				},
			}
		},
	}
}

// proxyReply is an error text that a proxy gives and Redis does not.
type proxyReply struct {
	text   string
	prefix bool // more may follow
	who    string
	means  string
}

var proxyReplies = []proxyReply{
	{"upstream failure", false, "Envoy", "its connection to the server failed"},
	{"no upstream host", false, "Envoy", "no server is known for the key"},
	{"invalid request", false, "Envoy", "it does not accept the request"},
	{"unsupported command", true, "Envoy", "it does not pass this command on"},
	{"ERR Connection timed out", false, "twemproxy", "the server did not answer in time, and the proxy closed its own connection to it"},
	{"ERR Connection refused", false, "twemproxy", "the server refused the proxy's connection"},
}

func proxyText(line []byte) *proxyReply {
	line = bytes.TrimRight(line, " \r\n")
	for i := range proxyReplies {
		p := &proxyReplies[i]
		if string(line) == p.text || p.prefix && bytes.HasPrefix(line, []byte(p.text)) {
			return p
		}
	}
	return nil
}

func fromProxy(r *analysis.Run, a *analysis.Answered, p *proxyReply) incident.Occurrence {
	s, ex := a.Session, a.Exchange
	o := incident.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: ex.Serves.Time, Severity: incident.Medium, Confidence: pairing.Strong,
		Commands: map[string]int{ex.CommandName(): 1},
		Notes:    []string{"the texts are those of " + p.who},
	}
	if ex.Command.Is(commands.Scripting) {
		o.Confidence = pairing.Possible // a script may return anything
	}
	if ex.Flags&(pairing.Uncertain|pairing.AfterHole) != 0 {
		o.Weakened, o.Confidence = true, o.Confidence.Down()
	}
	text := resp.TextOf([]byte(commands.HideRepeated(string(a.Reply.Text)))).Short(80)
	o.Evidence = func() incident.Example {
		return incident.Example{
			File: r.File(ex.Serves.File), Frames: frames(ex.Frame, ex.Serves.Frame),
			Facts: []string{
				fmt.Sprintf("%s (frame %d) was answered with %q after %s (frame %d)", named(r, ex), ex.Frame, text, seconds(ex.Serves.Time.Sub(ex.EndTime)), ex.Serves.Frame),
				fmt.Sprintf("this is the text of %s: %s; Redis itself has no such error", p.who, p.means),
			},
			Ladder: []incident.Step{command(r, ex), replyStep(r, ex, "the proxy's own words")},
		}
	}
	return o
}
