package detectors

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/respsniff/respsniff/analysis"
)

// hiding makes an occurrence of something that the capture hides of a connection. All of a rule's are one finding: they
// are about the capture, not about a client.
func hiding(s *analysis.Session, level analysis.Severity) analysis.Occurrence {
	return analysis.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: s.First, Last: s.Last, AnyClient: true, AnyServer: true,
		Severity: level, Confidence: analysis.Proven,
	}
}

// ofCapture makes an occurrence about the capture as a whole.
func ofCapture(r *analysis.Run, level analysis.Severity) analysis.Occurrence {
	s := r.Summary()
	return analysis.Occurrence{
		Time: s.First, Last: s.Last, AnyClient: true, AnyServer: true, Severity: level, Confidence: analysis.Proven,
	}
}

// decoded reports whether a connection was read as commands and replies.
func decoded(s *analysis.Session) bool {
	return s.Kind == analysis.RESP || s.Kind == analysis.PubSub || s.Kind == analysis.Monitor
}

// gapNote says which rules have an occurrence with a gap in its window.
func gapNote(r *analysis.Run) string {
	rules := r.Weakened()
	if len(rules) == 0 {
		return "No finding has a gap in its window."
	}
	return "Findings marked * have a gap in their window: " + strings.Join(rules, ", ") + "."
}

// grouped prints a count with thousands separators.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted prints a count with its noun.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// share prints a part of a whole in percent.
func share(part, whole int64) string {
	if whole <= 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole))
}

// sideName names who sent.
func sideName(client bool) string {
	if client {
		return "client"
	}
	return "server"
}
