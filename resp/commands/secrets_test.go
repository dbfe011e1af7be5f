package commands

import (
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	for _, c := range []struct {
		in    string
		want  string // the arguments that are hidden
		reply bool
	}{
		{"AUTH pw", "pw", false}, {"auth user pw", "user pw", false}, {"HELLO 3 AUTH u pw SETNAME me", "u pw", false}, {"HELLO 3", "", false},
		{"ACL SETUSER u on >pw ~*", "on >pw ~*", false}, {"ACL LIST", "", true}, {"ACL GETUSER u", "", true}, {"ACL WHOAMI", "", false},
		{"CONFIG SET requirepass pw", "pw", false}, {"CONFIG SET maxmemory 1 masterauth pw", "pw", false}, {"CONFIG SET maxmemory 1", "", false},
		{"CONFIG SET tls-key-file-pass pw", "pw", false}, {"CONFIG GET requirepass", "", true}, {"CONFIG GET *", "", true}, {"CONFIG GET maxmemory", "", false},
		{"MIGRATE h 1 k 0 5 AUTH pw", "pw", false}, {"MIGRATE h 1 k 0 5 AUTH2 u pw KEYS a", "u pw", false}, {"SENTINEL SET m auth-pass pw", "pw", false},
		{"SENTINEL CONFIG SET sentinel-pass pw", "pw", false}, {"GET auth", "", false}, {"SET k v", "", false}, {"MONITOR", "", true}, {"PING", "", false},
		{"SENTINEL SET m down-after-milliseconds 5 auth-pass pw", "pw", false},
	} {
		req := one(t, c.in+"\n")
		mask, reply := Secrets(req)
		var got []string
		for i, a := range req.Args {
			if mask>>min(i, 63)&1 != 0 {
				got = append(got, string(a.Bytes))
			}
		}
		if strings.Join(got, " ") != c.want || reply != c.reply {
			t.Errorf("%s: hides %q and reply %t", c.in, got, reply)
		}
	}
	req := one(t, array(append(append([]string{"CONFIG", "SET"}, strings.Fields(strings.Repeat("maxmemory 1 ", 50))...), "requirepass", "pw")...))
	if mask, _ := Secrets(req); mask>>63 == 0 {
		t.Error("a secret beyond the arguments kept is shown")
	}
}
