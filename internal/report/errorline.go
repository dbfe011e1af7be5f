package report

import (
	"regexp"
	"strings"
)

// Servers repeat arguments in some errors: those of a command that they do not know, such as an old server that is
// greeted with HELLO and a password, and those of settings and modifiers that they refuse.
var (
	unknownCommand  = regexp.MustCompile("(?i)(unknown (?:sub)?command ['`\"](?:AUTH|HELLO|MIGRATE|ACL|CONFIG|SENTINEL|MODULE)\\b.*?args beginning with:).*")
	refusedArgument = regexp.MustCompile(`(?i)(ACL SETUSER modifier '|Invalid argument ').*?(': .*|' for CONFIG SET .*)?$`)
)

// ErrorLine gives the first line of an error reply, escaped. What the server repeats of commands that carry secrets is
// left out.
func ErrorLine(text string) string {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		text = text[:i]
	}
	text = unknownCommand.ReplaceAllString(text, "${1} ...")
	return Printable(refusedArgument.ReplaceAllString(text, "${1}...${2}"))
}

// RepeatsSecret reports whether an error reply may hold a secret, see ErrorLine.
func RepeatsSecret(text string) bool {
	return unknownCommand.MatchString(text) || refusedArgument.MatchString(text)
}
