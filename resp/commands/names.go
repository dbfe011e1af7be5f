package commands

import (
	"bytes"
	"strings"

	"github.com/respsniff/respsniff/resp"
)

// modulePrefixes are how the commands of common modules begin.
var modulePrefixes = []string{"AI.", "BF.", "CF.", "CMS.", "FT.", "GRAPH.", "JSON.", "RG.", "SEARCH.", "TDIGEST.", "TFCALL", "TOPK.", "TS."}

// newerNames are commands that servers have and the table has not: Redis 7.4 and 8, Valkey 8.1 and 9.
var newerNames = []string{
	"COMMANDLOG", "DELEX", "DELIFEQ", "DIGEST", "HEXPIRE", "HEXPIREAT", "HEXPIRETIME", "HGETDEL", "HGETEX", "HPERSIST", "HPEXPIRE", "HPEXPIREAT",
	"HPEXPIRETIME", "HPTTL", "HSETEX", "HTTL", "MSETEX", "VADD", "VCARD", "VDIM", "VEMB", "VGETATTR", "VINFO", "VISMEMBER", "VLINKS", "VRANDMEMBER", "VREM",
	"VSETATTR", "VSIM", "XACKDEL", "XDELEX",
}

// maxModuleName is longer than the name of any command of these modules.
const maxModuleName = 32

// IsName reports whether a word is the name of a command for certain: of the table, of a newer server, or of a common module. A
// word that is none of them may be a password that stands where a name is due.
func IsName(word []byte) bool {
	if IsCommandName(word) {
		return true
	}
	for _, n := range newerNames {
		if resp.EqualFold(word, n) {
			return true
		}
	}
	upper := bytes.ToUpper(word)
	for _, m := range modulePrefixes {
		if rest, ok := bytes.CutPrefix(upper, []byte(m)); ok && len(word) <= maxModuleName {
			return IsWord(rest)
		}
	}
	return false
}

// IsWord reports whether a word is made as names of commands are, of letters, dots, lines and colons, and as few passwords are.
func IsWord(word []byte) bool {
	return bytes.IndexFunc(word, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && c != '_' && c != '.' && c != '-' && c != ':'
	}) < 0
}

// isSubcommand reports whether some command has a subcommand of this name.
func isSubcommand(word string) bool {
	for i := range commandTable {
		if _, sub, ok := strings.Cut(commandTable[i].Name, "|"); ok && strings.EqualFold(sub, word) {
			return true
		}
	}
	return false
}
