package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
)

// maxAddressed bounds the clients that a remedy names.
const maxAddressed = 3

// misreadRemedy says what to do about connections that are used with a reply unread: now, about what was stored, and for
// good.
func misreadRemedy(in *incident.Incident) []string {
	d := &in.Damage
	var do []string
	switch {
	case d.Open > 0:
		do = append(do, fmt.Sprintf("Restart %s now: %s still open at the end of the capture, and stays wrong until it is closed.",
			clientsOf(in), was(d.Open, "such connection")))
	case len(in.Clients) > 0:
		do = append(do, fmt.Sprintf("Restart %s if wrong values go on: no such connection was open at the end of the capture.", clientsOf(in)))
	}
	if d.Since != 0 {
		do = append(do, fmt.Sprintf("Treat what was stored from these calls since %s (caches, sessions) as suspect: wrong values raise no error.", at(d.Since)))
	}
	return append(do, "For good: close a connection after a timeout, a cancelled call or an I/O error. "+closeAdvice(in.Library))
}

// clientsOf names the clients of an incident.
func clientsOf(in *incident.Incident) string {
	var names []string
	for _, c := range in.Clients[:min(len(in.Clients), maxAddressed)] {
		names = append(names, c.String())
	}
	text := strings.Join(names, ", ")
	if more := in.Damage.Clients - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more clients", more)
	}
	if text == "" {
		return "the clients"
	}
	return text
}
