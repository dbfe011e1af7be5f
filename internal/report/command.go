package report

import (
	"strings"

	"github.com/respsniff/respsniff/analysis"
)

// KeyWidth is how much of a key any output shows, in characters.
const KeyWidth = 64

// CommandName gives the table's name ("CLIENT REPLY"), or the name as sent, in upper case.
func CommandName(e *analysis.Exchange) string {
	if e.Command != nil {
		return strings.ReplaceAll(e.Command.Name, "|", " ")
	}
	return Shorten(Printable(strings.ToUpper(string(e.Name.Raw()))), KeyWidth)
}
