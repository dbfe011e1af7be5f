package commands

import (
	"bytes"

	"github.com/respsniff/respsniff/resp"
)

// Secrets returns which arguments of the request are passwords or keys, as a bit mask of their indexes (bit 63 stands for
// index 63 and all beyond), and whether its reply may hold some. Such text is never to be printed.
func Secrets(req *resp.Request) (args uint64, reply bool) {
	if len(req.Args) > 0 && (resp.EqualFold(req.Args[0].Bytes, "MONITOR") || resp.EqualFold(req.Args[0].Bytes, "SLOWLOG") || resp.EqualFold(req.Args[0].Bytes, "COMMANDLOG")) {
		return 0, true
	}
	if len(req.Args) < 2 {
		return 0, false
	}
	name, sub := req.Args[0].Bytes, req.Args[1].Bytes
	switch {
	case resp.EqualFold(name, "AUTH"):
		return from(1), false
	case resp.EqualFold(name, "HELLO"):
		return behind(req, 1, "AUTH", 2), false
	case resp.EqualFold(name, "MIGRATE"):
		return behind(req, 6, "AUTH", 1) | behind(req, 6, "AUTH2", 2), false
	case resp.EqualFold(name, "ACL"):
		switch {
		case resp.EqualFold(sub, "SETUSER"):
			return from(3), false
		case resp.EqualFold(sub, "GETUSER"), resp.EqualFold(sub, "LIST"), resp.EqualFold(sub, "GENPASS"):
			return 0, true
		}
	case resp.EqualFold(name, "CONFIG"):
		switch {
		case resp.EqualFold(sub, "SET"):
			for i := 2; i < req.NArgs; i += 2 {
				// An option beyond those kept may be any.
				if a, ok := req.Arg(i); !ok || secretOption(a.Bytes) {
					args |= bit(i + 1)
				}
			}
			return args, false
		case resp.EqualFold(sub, "GET"):
			for i := 2; i < len(req.Args); i++ {
				reply = reply || asksSecret(req.Args[i].Bytes)
			}
			return 0, reply || req.NArgs > resp.MaxArgs
		}
	case resp.EqualFold(name, "SENTINEL"):
		switch {
		case resp.EqualFold(sub, "SET"):
			for i := 3; i < req.NArgs; i += 2 {
				if a, ok := req.Arg(i); !ok || secretOption(a.Bytes) {
					args |= bit(i + 1)
				}
			}
			return args, false
		case resp.EqualFold(sub, "CONFIG") && len(req.Args) > 2:
			for i := 3; i < req.NArgs; i++ {
				if a, ok := req.Arg(i); !ok || secretOption(a.Bytes) {
					args |= bit(i + 1)
				}
				if a, ok := req.Arg(i); ok {
					reply = reply || asksSecret(a.Bytes)
				}
			}
			return args, reply && !resp.EqualFold(req.Args[2].Bytes, "SET")
		}
	case resp.EqualFold(name, "MODULE") && (resp.EqualFold(sub, "LOADEX") || resp.EqualFold(sub, "LOAD")):
		return from(3), false
	}
	return 0, false
}

// SecretReply reports whether a reply looks like one that carries secrets, whatever was asked: that of CONFIG GET with the
// name of a secret setting among the elements kept, or that of ACL LIST.
func SecretReply(r *resp.Reply) bool {
	if r.Kind != resp.Array && r.Kind != resp.Map {
		return false
	}
	for _, e := range r.Elems {
		if secretOption(e.Text) && !resp.EqualFold(e.Text, "user") || len(e.Text) > 5 && resp.EqualFold(e.Text[:5], "user ") {
			return true
		}
	}
	return false
}

// NamesSecret reports whether some form of the command with this name carries secrets, see Secrets.
func NamesSecret(name []byte) bool {
	for _, n := range [...]string{"AUTH", "HELLO", "MIGRATE", "ACL", "CONFIG", "SENTINEL", "MODULE"} {
		if resp.EqualFold(name, n) {
			return true
		}
	}
	return false
}

// secretOptions are the settings of Redis and Sentinel whose value is a secret.
var secretOptions = []string{
	"requirepass", "masterauth", "primaryauth", "masteruser", "primaryuser", "tls-key-file-pass", "tls-client-key-file-pass",
	"auth-pass", "auth-user", "sentinel-pass", "sentinel-user", "user", "rename-command",
}

func secretOption(b []byte) bool {
	for _, o := range secretOptions {
		if bytes.EqualFold(b, []byte(o)) {
			return true
		}
	}
	return bytes.Contains(bytes.ToLower(b), []byte("pass"))
}

// asksSecret says whether a pattern of CONFIG GET may match a secret setting: any pattern with a wildcard may.
func asksSecret(pattern []byte) bool {
	return bytes.ContainsAny(pattern, "*?[\\") || secretOption(pattern)
}

// behind marks the n arguments behind each standing of a word from the given index on, and all arguments that were not
// kept where it may stand among them.
func behind(req *resp.Request, at int, word string, n int) (mask uint64) {
	for i := at; i < len(req.Args); i++ {
		if resp.EqualFold(req.Args[i].Bytes, word) {
			for j := 1; j <= n; j++ {
				mask |= bit(i + j)
			}
		}
	}
	if req.NArgs > len(req.Args) {
		mask |= from(len(req.Args))
	}
	return mask
}

func bit(i int) uint64 { return 1 << min(i, 63) }

func from(i int) uint64 { return ^uint64(0) << i }
