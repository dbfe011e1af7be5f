package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// SwallowedAuth is RS406: an AUTH, or a HELLO with AUTH, that failed behind another command and got no reply.
func SwallowedAuth() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS406", Name: "swallowed-auth", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a failing AUTH behind another command got no reply",
		Step:    incident.StepText{One: "1 failing AUTH got no reply", Many: "%d failing AUTHs got no reply"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "AUTH", "AUTHs") + " behind another command got no reply; every reply since answers the command before"
			}
			r.Remedy = func(*incident.Finding) string {
				return "Redis 7.2 and later drop the error of a failing AUTH when another reply is pending (redis#15640). Send AUTH alone and wait for " +
					"its reply before anything else; fix the credentials."
			}
			return analysis.Hooks{Aligned: func(a *pairing.Alignment) {
				if a.Resolved && authsOnly(a) {
					addSkip(r, a, incident.Critical, fmt.Sprintf("%s stood behind %s unanswered when it was sent",
						a.Skipped[0].CommandName(), incident.Counted(a.Skipped[0].Outstanding, "command", "commands")))
				}
			}}
		},
	}
}

// authsOnly reports whether the only commands left without a reply are AUTH, or HELLO, that were not first.
func authsOnly(a *pairing.Alignment) bool {
	for _, ex := range a.Skipped {
		if name := ex.CommandName(); ex.Outstanding == 0 || name != "AUTH" && name != "HELLO" {
			return false
		}
	}
	return a.Skips > 0 && len(a.Skipped) == a.Skips
}
