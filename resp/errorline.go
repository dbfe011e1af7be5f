package resp

import "bytes"

// maxClass is the longest error class; longer first words are cut.
const maxClass = 32

// ErrorClass returns the first word of an error line, such as ERR, MOVED or WRONGTYPE, of at most 32 bytes and made of
// capital letters, digits, '_' and '-' only. It is empty where the line does not begin so.
func ErrorClass(line []byte) string {
	return string(errorClass(line))
}

func errorClass(line []byte) []byte {
	line = bytes.TrimPrefix(line, []byte("-"))
	for i, c := range line {
		if i == maxClass {
			return line[:i]
		}
		if c >= 'A' && c <= 'Z' || i > 0 && (c >= '0' && c <= '9' || c == '_' || c == '-') {
			continue
		}
		if c == ' ' || c == '\r' || c == '\n' || c == ':' {
			return line[:i]
		}
		return nil
	}
	return line
}

// errorNames are the texts of Redis errors that name the command they answer, and where.
var errorNames = []struct{ before, after string }{
	{"unknown command '", "'"},
	{"unknown command `", "`"},
	{"unknown subcommand '", "'"},
	{"Unknown subcommand or wrong number of arguments for '", "'"},
	{"wrong number of arguments for '", "'"},
	{"Can't execute '", "'"},
	{"no permissions to run the '", "'"},
	{"can't run this command or subcommand '", "'"},
}

// NamedCommand returns the command that an error line names as the one it answers, as in "ERR unknown command 'FOO'" or
// "ERR wrong number of arguments for 'config|get' command". For an unknown subcommand it is the name of the
// subcommand alone. Compare without regard to case.
func NamedCommand(line []byte) (name []byte, ok bool) {
	line = bytes.TrimPrefix(line, []byte("-"))
	class := errorClass(line)
	if string(class) != "ERR" && string(class) != "NOPERM" || len(line) < len(class)+1 {
		return nil, false
	}
	line = line[len(class)+1:]
	for _, t := range errorNames {
		i := bytes.Index(line, []byte(t.before))
		if i < 0 || i > 0 && class[0] == 'E' {
			continue
		}
		rest := line[i+len(t.before):]
		if end := bytes.Index(rest, []byte(t.after)); end > 0 {
			return rest[:end], true
		}
	}
	return nil, false
}
