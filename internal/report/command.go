package report

import (
	"strings"

	"github.com/respsniff/respsniff/analysis/pairing"
)

// KeyWidth is how much of a key any output shows, in characters.
const KeyWidth = 64

// CommandName gives the table's name ("CLIENT REPLY"), or the name as sent, in upper case, where it is one.
func CommandName(e *pairing.Exchange) string {
	if e.Command != nil {
		return strings.ReplaceAll(e.Command.Name, "|", " ")
	}
	return Printable(e.Word(KeyWidth))
}

// SentName is CommandName with the name as sent, whatever it is: for filters, never to be printed.
func SentName(e *pairing.Exchange) string {
	if e.Command != nil {
		return CommandName(e)
	}
	return Printable(strings.ToUpper(string(e.Name.Raw())))
}
