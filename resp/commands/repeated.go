package commands

import "regexp"

// Servers repeat arguments in some errors: those of a command that they do not know, such as an old server that is
// greeted with HELLO and a password, and those of settings and modifiers that they refuse.
var (
	unknownCommand  = regexp.MustCompile("(?i)(unknown (?:sub)?command ['`\"](?:AUTH|HELLO|MIGRATE|ACL|CONFIG|SENTINEL|MODULE)\\b.*?args beginning with:).*")
	refusedArgument = regexp.MustCompile(`(?i)(ACL SETUSER modifier '|Invalid argument ').*?(': .*|' for CONFIG SET .*)?$`)
)

// HideRepeated leaves out of an error's text what the server repeats there of commands that carry secrets.
func HideRepeated(text string) string {
	text = unknownCommand.ReplaceAllString(text, "${1} ...")
	return refusedArgument.ReplaceAllString(text, "${1}...${2}")
}

// RepeatsSecret reports whether an error reply may hold a secret, see HideRepeated.
func RepeatsSecret(text string) bool {
	return unknownCommand.MatchString(text) || refusedArgument.MatchString(text)
}
