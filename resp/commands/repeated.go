package commands

import (
	"regexp"
	"strings"
	"sync"
)

// Servers repeat in some errors what they were sent, mostly in quotes: the arguments of a command that they do not know, such as
// an old server that is greeted with HELLO and a password, or a password that stands where a name is due; settings and modifiers
// that they refuse; bytes that are no request. MONITOR repeats everything.
var (
	repeated = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(unknown|unsupported|invalid) (sub)?command:? |unsupported config parameter:? |(args|arguments) beginning with:`)
	})
	// quotable is what else is quoted in errors that any client may cause: names of settings and types, and what a request
	// begins with.
	quotable = map[string]bool{
		"$": true, "*": true, "requirepass": true, "masterauth": true, "masteruser": true, "maxmemory": true, "appendonly": true, "save": true, "string": true, "list": true,
	}
)

const quotes = "'`\""

// HideRepeated leaves out of the text of an error or a status what the server may repeat there of what it was sent, and all
// that follows.
func HideRepeated(text string) string {
	if n := HiddenFrom(text); n < len(text) {
		return strings.TrimRight(text[:n], quotes+" ") + " ..."
	}
	return text
}

// RepeatsSecret reports whether the text of a reply may hold a secret, see HideRepeated.
func RepeatsSecret(text string) bool { return HiddenFrom(text) < len(text) }

// HiddenFrom returns where that begins; the length of the text if there is none.
func HiddenFrom(text string) int {
	first := len(text)
	for _, m := range repeated().FindAllStringIndex(text, -1) {
		word, _, _ := strings.Cut(strings.TrimLeft(text[m[1]:], quotes), " ")
		if word = strings.Trim(word, quotes+",.:"); !IsName([]byte(word)) && !isSubcommand(word) {
			first = m[1]
			break
		}
	}
	for at := 0; at < first; {
		i := strings.IndexAny(text[at:first], quotes)
		if i < 0 {
			break
		}
		i += at
		if text[i] == '\'' && i > 0 && isLetter(text[i-1]) && i+1 < len(text) && isLetter(text[i+1]) {
			at = i + 1 // an apostrophe
			continue
		}
		end := strings.IndexByte(text[i+1:], text[i])
		if end < 0 {
			return min(first, i)
		}
		if word := text[i+1 : i+1+end]; !quotable[word] && !IsName([]byte(word)) && !isSubcommand(word) {
			return min(first, i)
		}
		at = i + 1 + end + 1
	}
	return first
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
