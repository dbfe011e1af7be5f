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
		{"ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ", "ERR unknown command ..."},
		{"ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `pw`, ", "ERR unknown command `HELLO`, with args beginning with: ..."},
		{"ERR unknown command 'auth', with args beginning with: 'pw' ", "ERR unknown command 'auth', with args beginning with: ..."},
		{"ERR unknown command pw", "ERR unknown command ..."},
		{"ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.", "ERR unknown subcommand 'SETINFO'. Try CLIENT HELP."},
		{"ERR wrong number of arguments for 'get' command", "ERR wrong number of arguments for 'get' command"},
		{"ERR Can't execute 'get': only (P|S)SUBSCRIBE / QUIT are allowed in this context", "ERR Can't execute 'get': only (P|S)SUBSCRIBE / QUIT are allowed in this context"},
		{"ERR Protocol error: expected '$', got 'p'", "ERR Protocol error: expected '$', got ..."},
		{"ERR Error in ACL SETUSER modifier '<p'w': The password you are trying to remove", "ERR Error in ACL SETUSER modifier ..."},
		{"ERR Error in ACL SETUSER modifier '#cut", "ERR Error in ACL SETUSER modifier ..."},
		{"ERR Invalid argument 'pw' for CONFIG SET 'requirepass'", "ERR Invalid argument ..."},
		{"ERR CONFIG SET failed (possibly related to argument 'requirepass') - 'pw'", "ERR CONFIG SET failed (possibly related to argument 'requirepass') - ..."},
		{"ERR Unsupported CONFIG parameter: pw", "ERR Unsupported CONFIG parameter: ..."},
	} {
		if got := ErrorLine(tc.in); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
		}
		if cut := ErrorLine(tc.in) != Printable(tc.in); cut != commands.RepeatsSecret(tc.in) && tc.want != "ERR first" {
			t.Errorf("%q: repeats a secret: %t", tc.in, !cut)
		}
	}
}
