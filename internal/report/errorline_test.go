package report

import (
	"testing"

	"github.com/respsniff/respsniff/resp/commands"
)

func TestErrorLine(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"MOVED 7438 198.18.0.12:14160", "MOVED 7438 198.18.0.12:14160"},
		{"WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE Operation against a key holding the wrong kind of value"},
		{"ERR first\r\nsecond\x1b", "ERR first"},
		{"ERR \x1b[2J", `ERR \x1b[2J`},
		{"ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ", "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "},
		{"ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `pw`, ", "ERR unknown command `HELLO`, with args beginning with: ..."},
		{"ERR unknown command 'auth', with args beginning with: 'pw' ", "ERR unknown command 'auth', with args beginning with: ..."},
		{"ERR Error in ACL SETUSER modifier '<pw': The password you are trying to remove", "ERR Error in ACL SETUSER modifier '...': The password you are trying to remove"},
		{"ERR Error in ACL SETUSER modifier '#cut", "ERR Error in ACL SETUSER modifier '..."},
		{"ERR Invalid argument 'pw' for CONFIG SET 'requirepass'", "ERR Invalid argument '...' for CONFIG SET 'requirepass'"},
	} {
		if got := ErrorLine(tc.in); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
		}
		if cut := ErrorLine(tc.in) != Printable(tc.in); cut != commands.RepeatsSecret(tc.in) && tc.want != "ERR first" {
			t.Errorf("%q: repeats a secret: %t", tc.in, !cut)
		}
	}
}
