package resp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestSlot(t *testing.T) {
	if got := crc16([]byte("123456789")); got != 0x31c3 {
		t.Errorf("CRC %#x", got)
	}
	for key, want := range map[string]uint16{
		"foo": 12182, "aaa": 10439, "{user1000}.following": 3443, "foo{}{bar}": 8363, "foo{{bar}}zap": 4015, "foo{bar}{zap}": 5061,
		"short_url_pre.qGZmAb": 137, "short_url_pre.PVadzN": 3788, "short_url_pre.AAAfne": 12790, "": 0, "{": Slot([]byte("{")),
	} {
		if got := Slot([]byte(key)); got != want {
			t.Errorf("slot of %q is %d, want %d", key, got, want)
		}
	}
}

func TestCRC16(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for n := range 100 {
		b := make([]byte, n)
		want := uint16(0)
		for i := range b {
			b[i] = byte(r.Uint32())
			want ^= uint16(b[i]) << 8
			for range 8 {
				carry := want >> 15
				want = want<<1 ^ carry*0x1021
			}
		}
		if got := crc16(b); got != want {
			t.Errorf("%x: %#x, want %#x", b, got, want)
		}
	}
}

func TestParseRedirect(t *testing.T) {
	for _, c := range []struct {
		line, want string
	}{
		{"MOVED 3999 127.0.0.1:6381", "MOVED 3999 127.0.0.1 6381"}, {"-ASK 1 h.example:1", "ASK 1 h.example 1"}, {"MOVED 3999 :6380", "MOVED 3999  6380"},
		{"MOVED 5 2001:db8::1:6379", "MOVED 5 2001:db8::1 6379"}, {"MOVED 5 ?:6379", "MOVED 5 ? 6379"}, {"MOVED 5 [::1]:6379\r\n", "MOVED 5 ::1 6379"},
		{"MOVED 16384 h:1", ""}, {"MOVED x h:1", ""}, {"MOVED 1", ""}, {"MOVED 1 h", ""}, {"MOVED 1 h:70000", ""}, {"MOVE 1 h:1", ""}, {"ERR MOVED 1 h:1", ""}, {"", ""},
	} {
		got := ""
		if r, ok := ParseRedirect([]byte(c.line)); ok {
			got = fmt.Sprintf("%s %d %s %d", r.Kind, r.Slot, r.Host, r.Port)
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

func TestErrorLines(t *testing.T) {
	for line, want := range map[string]string{
		"ERR x": "ERR", "-WRONGTYPE Op": "WRONGTYPE", "OOM": "OOM", "lower x": "", "": "", strings.Repeat("A", 99): strings.Repeat("A", maxClass), "MISCONF\nx": "MISCONF",
	} {
		if got := ErrorClass([]byte(line)); got != want {
			t.Errorf("class of %q is %q, want %q", line, got, want)
		}
	}
	for line, want := range map[string]string{
		"ERR unknown command 'FOO', with args beginning with: 'a' ":                  "FOO",
		"ERR unknown command `foo`, with args beginning with: ":                      "foo",
		"ERR wrong number of arguments for 'config|get' command":                     "config|get",
		"ERR Can't execute 'get': only (P|S)SUBSCRIBE / PING are allowed":            "get",
		"NOPERM User default has no permissions to run the 'get' command":            "get",
		"NOPERM this user has no permissions to run the 'get' command or its subcom": "get",
		"ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.":                         "SETINFO",
		"ERR value is not an integer or out of range":                                "",
		"ERR Error running script: unknown command 'x'":                              "",
		"ERR unknown command ''":                                                     "",
	} {
		got, ok := NamedCommand([]byte(line))
		if string(got) != want || ok != (want != "") {
			t.Errorf("%q names %q, want %q", line, got, want)
		}
	}
}
