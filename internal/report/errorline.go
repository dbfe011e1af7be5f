package report

import (
	"strings"

	"github.com/respsniff/respsniff/resp/commands"
)

// ErrorLine gives the first line of an error reply, escaped. What the server repeats of commands that carry secrets is
// left out.
func ErrorLine(text string) string {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		text = text[:i]
	}
	return Printable(commands.HideRepeated(text))
}
