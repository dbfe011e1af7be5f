package commands

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/respsniff/respsniff/resp"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"get k", "GET"}, {"CLIENT reply skip", "CLIENT REPLY"}, {"client SETNAME skip", "CLIENT SETNAME"}, {"CLIENT NO-EVICT off", "CLIENT NO-EVICT"},
		{"CONFIG GET x", "CONFIG GET"}, {"client nosuch", "CLIENT"}, {"CLIENT", "CLIENT"}, {"JSON.GET k", ""}, {"", ""},
		{"XGROUP CREATE s g 0", "XGROUP CREATE"}, {"CLIENT|REPLY x", "CLIENT REPLY"}, {"COMMAND", "COMMAND"}, {"restore-asking k 0 v", "RESTORE-ASKING"},
	} {
		if c.in == "" {
			continue
		}
		got := ""
		if cmd := Lookup(one(t, c.in+"\n")); cmd != nil {
			got = cmd.String()
		}
		if got != c.want && c.in != "CLIENT|REPLY x" {
			t.Errorf("%s is %q, want %q", c.in, got, c.want)
		}
	}
	if n := len(commandTable); n < 390 || n*2 > commandSlots {
		t.Errorf("%d commands", n)
	}
	for i := range commandTable {
		c := &commandTable[i]
		if !c.Replies2.Has(resp.Error) || !c.Replies3.Has(resp.Error) || c.Arity == 0 {
			t.Errorf("%s: %+v", c, c)
		}
	}
	req := one(t, "CLIENT REPLY skip\n")
	if n := testing.AllocsPerRun(100, func() { Lookup(req); Summarise(req) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !IsCommandName([]byte("get")) || IsCommandName([]byte("got")) {
		t.Error("IsCommandName")
	}
	if n := unsafe.Sizeof(Call{}); n > 32 {
		t.Errorf("a Call takes %d bytes", n)
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"GET k", "k"}, {"MGET a b c", "a b c"}, {"MSET a 1 b 2", "a b"}, {"PING x", ""}, {"DEL a b", "a b"}, {"BLPOP a b 0", "a b"},
		{"EVAL s 2 a b c", "a b"}, {"EVAL s 0 a", ""}, {"EVALSHA s x a", ""}, {"FCALL f 1 k v", "k"}, {"EVAL s 9 a b", ""},
		{"XREAD COUNT 2 STREAMS a b 0 0", "a b"}, {"XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "s"}, {"XREAD BLOCK 0", ""},
		{"SORT k BY w_* GET # STORE d", "k d"}, {"SORT k", "k"}, {"ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d a b"}, {"ZUNION 2 a b", "a b"},
		{"LMPOP 2 a b LEFT", "a b"}, {"BLMPOP 0 1 a LEFT", "a"}, {"BZMPOP 0 2 a b MIN", "a b"}, {"SINTERCARD 2 a b", "a b"},
		{"MIGRATE h 1 k 0 5", "k"}, {`MIGRATE h 1 "" 0 5 COPY KEYS a b`, "a b"}, {"GEORADIUS g 1 2 3 km STORE d", "g d"},
		{"OBJECT ENCODING k", "k"}, {"BITOP AND d a b", "d a b"}, {"XGROUP CREATE s g 0", "s"}, {"COPY a b", "a b"}, {"RENAME a b", "a b"},
		{"SMOVE a b m", "a b"}, {"JSON.GET k", ""}, {"SPUBLISH c m", "c"}, {"PFCOUNT a b", "a b"}, {"MEMORY USAGE k", "k"}, {"SET", ""},
	} {
		req := one(t, c.in+"\n")
		var got []string
		cmd := Lookup(req)
		cmd.Keys(req, func(a resp.Arg) bool { got = append(got, string(a.Bytes)); return true })
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: keys %q, want %q", c.in, got, c.want)
		}
		if cmd != nil && !strings.Contains(c.in, `""`) && cmd.KeyCount(req) != len(got) {
			t.Errorf("%s: %d keys, want %d", c.in, cmd.KeyCount(req), len(got))
		}
		if cmd == nil {
			continue
		}
		if key, ok := cmd.FirstKey(req); ok != (c.want != "") || ok && string(key.Bytes) != got[0] {
			t.Errorf("%s: first key %q", c.in, key.Bytes)
		}
	}
	req := one(t, array(append([]string{"MGET"}, strings.Fields(strings.Repeat("k ", 100000))...)...))
	if n := Lookup(req).KeyCount(req); n != 100000 {
		t.Errorf("%d keys", n)
	}
}

func TestBlockTimeout(t *testing.T) {
	for _, c := range []struct {
		in     string
		want   time.Duration
		blocks bool
	}{
		{"BLPOP a 1.5", 1500 * time.Millisecond, true}, {"BLPOP a b 0", 0, true}, {"BRPOPLPUSH a b 2", 2 * time.Second, true},
		{"BLMPOP 3 1 a LEFT", 3 * time.Second, true}, {"XREAD STREAMS s $", 0, false}, {"XREAD BLOCK 250 STREAMS s $", 250 * time.Millisecond, true},
		{"XREADGROUP GROUP block c STREAMS s >", 0, false}, {"XREADGROUP GROUP g c COUNT 1 BLOCK 0 STREAMS s >", 0, true},
		{"WAIT 1 500", 500 * time.Millisecond, true}, {"WAITAOF 1 0 500", 500 * time.Millisecond, true}, {"GET k", 0, false}, {"BLPOP a x", 0, true},
		{"BLPOP a -1", 0, true}, {"BLPOP a 1e300", 0, true}, {"BLPOP a nan", 0, true}, {"JSON.GET k", 0, false},
	} {
		req := one(t, c.in+"\n")
		if d, blocks := Lookup(req).BlockTimeout(req); d != c.want || blocks != c.blocks {
			t.Errorf("%s: %v %t, want %v %t", c.in, d, blocks, c.want, c.blocks)
		}
	}
}

func TestAllows(t *testing.T) {
	for _, c := range []struct{ in, reply, why string }{
		{"GET k", "$1\r\na\r\n", ""}, {"GET k", "$-1\r\n", ""}, {"GET k", "_\r\n", ""},
		{"GET k", "+OK\r\n", "GET never returns a simple string"},
		{"GET k", ":1\r\n", "GET never returns an integer"},
		{"GET k", "*0\r\n", "GET never returns an array"},
		{"GET k", "+PONG\r\n", "GET never returns a simple string"},
		{"PING", "$-1\r\n", "PING never returns null"},
		{"PING", "+PONG\r\n", ""}, {"PING", "+OK\r\n", "PING returns PONG and no other status"},
		{"PING a", "$1\r\na\r\n", ""}, {"PING a", "$1\r\nb\r\n", "PING returns the text it was given, and this is another"},
		{"PING a", "+PONG\r\n", "PING with these arguments never returns a simple string"},
		{"ECHO abc", "$3\r\nabc\r\n", ""}, {"ECHO abc", "$4\r\nabcd\r\n", "ECHO returns the text it was given, and this is another"},
		{"SET k v", "+OK\r\n", ""}, {"SET k v", "$-1\r\n", "SET with these arguments never returns null"},
		{"SET k v NX", "$-1\r\n", ""}, {"SET k v ex 10 nx", "_\r\n", ""}, {"SET k v IFEQ x", "$-1\r\n", ""},
		{"SET k v GET", "$1\r\na\r\n", ""}, {"SET k v PX 10", "$1\r\na\r\n", "SET with these arguments never returns a bulk string"},
		{"SET k v NEWOPTION", "$1\r\na\r\n", ""}, {"SET k v", "+PONG\r\n", "SET returns OK and no other status"},
		{"INCR k", ":1\r\n", ""}, {"INCR k", "$1\r\n1\r\n", "INCR never returns a bulk string"},
		{"MGET a b", "*2\r\n$-1\r\n$-1\r\n", ""}, {"MGET a b", "*3\r\n:1\r\n:1\r\n:1\r\n", "MGET returns 2 elements here, and this has 3"},
		{"HMGET h a b", "*2\r\n$-1\r\n$-1\r\n", ""}, {"HMGET h a b", "*1\r\n$-1\r\n", "HMGET returns 2 elements here, and this has 1"},
		{"TIME", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n", ""}, {"SCAN 0", "*0\r\n", "SCAN returns 2 elements here, and this has 0"},
		{"BLPOP a 1", "*-1\r\n", ""}, {"BLPOP a 1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", ""},
		{"HGETALL h", "%0\r\n", ""}, {"HGETALL h", "*1\r\n+a\r\n", "HGETALL returns pairs, and this array has an odd number of elements"},
		{"HGETALL h", "*?\r\n+a\r\n.\r\n", ""},
		{"ZADD z 1 a", ":1\r\n", ""}, {"ZADD z INCR 1 a", ",1\r\n", ""}, {"ZADD z INCR 1 a", ":1\r\n", "ZADD with these arguments never returns an integer"},
		{"ZADD z 1 incr", ":1\r\n", ""}, {"ZADD z XX ch incr 1 incr", "$1\r\n1\r\n", ""}, {"ZADD z 1 incr", "$1\r\n1\r\n", "ZADD with these arguments never returns a bulk string"},
		{"GEORADIUSBYMEMBER g store 5 km", "*0\r\n", ""}, {"GEORADIUSBYMEMBER g m 5 km STORE d", ":1\r\n", ""}, {"GEORADIUS g 1 2 5 km STOREDIST d", ":1\r\n", ""},
		{"SORT k STORE d", ":3\r\n", ""}, {"SORT k", ":3\r\n", "SORT with these arguments never returns an integer"},
		{"EVAL s 0", "+anything\r\n", ""}, {"JSON.GET k", "+OK\r\n", ""}, {"HELLO 3", "%0\r\n", ""}, {"EXEC", "*0\r\n", ""}, {"EXEC", "*-1\r\n", ""},
		{"GET k", "-WRONGTYPE Operation\r\n", ""}, {"PING", "-WRONGTYPE Operation\r\n", "PING has no key and never gets WRONGTYPE"},
		{"GET foo", "-MOVED 12182 h:1\r\n", ""}, {"GET foo", "-MOVED 12183 h:1\r\n", "slot 12183 is not the slot of the key (12182)"},
		{"GET foo", "-ASK 1 h:1\r\n", "slot 1 is not the slot of the key (12182)"}, {"PING", "-MOVED 1 h:1\r\n", "PING has no key and is never redirected"},
		{"EXEC", "-MOVED 1 h:1\r\n", ""}, {"EXEC", "-EXECABORT x\r\n", ""}, {"GET k", "-EXECABORT x\r\n", "only EXEC gets EXECABORT"},
		{"GET k", "-NOSCRIPT x\r\n", "GET runs no script and never gets NOSCRIPT"}, {"EVALSHA s 0", "-NOSCRIPT x\r\n", ""},
		{"AUTH p", "-NOAUTH x\r\n", "AUTH needs no authentication and never gets NOAUTH"}, {"HELLO 3", "-NOAUTH x\r\n", ""}, {"GET k", "-NOAUTH x\r\n", ""},
		{"GET k", "-WRONGPASS x\r\n", "only AUTH and HELLO get WRONGPASS"}, {"AUTH p", "-WRONGPASS x\r\n", ""},
		{"XGROUP CREATE s g 0", "-BUSYGROUP x\r\n", ""}, {"XADD s * a b", "-BUSYGROUP x\r\n", "only XGROUP CREATE gets BUSYGROUP"},
		{"XACK s g 1-1", "-NOGROUP x\r\n", ""}, {"GET k", "-NOGROUP x\r\n", "GET has no consumer group and never gets NOGROUP"},
		{"GET k", "-READONLY x\r\n", "GET writes nothing and never gets READONLY"}, {"SET k v", "-READONLY x\r\n", ""},
		{"BLPOP a 0", "-UNBLOCKED x\r\n", ""}, {"GET k", "-LOADING x\r\n", ""}, {"GET k", "-ERR whatever\r\n", ""}, {"GET k", "-weird\r\n", ""},
		{"GET k", "-ERR wrong number of arguments for 'get' command\r\n", ""},
		{"GET k", "-ERR unknown command 'SET', with args beginning with: \r\n", "the error is about 'SET', not GET"},
		{"CLIENT SETINFO a b", "-ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.\r\n", ""},
		{"CLIENT SETINFO a b", "-ERR wrong number of arguments for 'client|setinfo' command\r\n", ""},
		{"CLIENT ID", "-ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.\r\n", "the error is about 'SETINFO', not CLIENT ID"},
		{"CLIENT BOGUS", "-ERR unknown subcommand 'BOGUS'. Try CLIENT HELP.\r\n", ""},
		{"EVAL s 0", "-ERR unknown command 'x'\r\n", ""},
	} {
		req := one(t, c.in+"\n")
		ok, why := Summarise(req).Allows(reply(t, c.reply))
		if ok != (c.why == "") || why != c.why {
			t.Errorf("%s <- %q: %t %q, want %q", c.in, c.reply, ok, why, c.why)
		}
	}
	var d resp.RequestDecoder // an option that was not captured whole may be any
	var req resp.Request
	d.Feed([]byte("*4\r\n$3\r\nLCS\r\n$1\r\na\r\n$1\r\nb\r\n$3\r\nL"), 4)
	if err := d.Next(&req); err != nil {
		t.Fatal(err)
	}
	if ok, why := Summarise(&req).Allows(reply(t, ":1\r\n")); !ok {
		t.Error(why)
	}
	call := Summarise(one(t, "HGETALL h\n"))
	call.Proto = 2
	if ok, why := call.Allows(reply(t, "%0\r\n")); ok || why != "HGETALL does not return a map in RESP2" {
		t.Error(why)
	}
	if ok, _ := (Call{}).Allows(reply(t, "+x\r\n")); !ok {
		t.Error("the zero Call forbids something")
	}
}

func TestCallSlot(t *testing.T) {
	if s, ok := Summarise(one(t, "GET foo\n")).Slot(); !ok || s != 12182 {
		t.Error(s, ok)
	}
	if _, ok := Summarise(one(t, "PING\n")).Slot(); ok {
		t.Error("PING has a slot")
	}
	if _, ok := (Call{}).Slot(); ok {
		t.Error("the zero Call has a slot")
	}
}

// TestPlainIsAllowed tries each command with replies of each kind: what Plain takes, Allows must take in both versions of
// the protocol.
func TestPlainIsAllowed(t *testing.T) {
	plain := 0
	for cmd := range Commands() {
		name, sub, _ := strings.Cut(cmd.Name, "|")
		for n := range 6 {
			req := &resp.Request{}
			for _, word := range append(strings.Fields(name+" "+sub), "k", "1", "2", "3", "4")[:max(len(strings.Fields(name+" "+sub)), n)] {
				req.Args = append(req.Args, resp.Arg{Bytes: []byte(word), Len: len(word)})
			}
			req.NArgs, req.Last = len(req.Args), req.Args[len(req.Args)-1]
			call := Summarise(req)
			for kind := resp.NoKind; kind <= resp.Push; kind++ {
				for _, text := range []string{"OK", "PONG", "QUEUED", "x"} {
					r := &resp.Reply{Kind: kind, Text: []byte(text), N: int64(len(text))}
					if !call.Plain(r) {
						continue
					}
					plain++
					for proto := range uint8(4) {
						call.Proto = proto
						if ok, why := call.Allows(r); !ok || text == "QUEUED" && kind == resp.Simple {
							t.Errorf("%s, %d arguments, RESP%d, %s %q is plain: %s", cmd, n, proto, kind, text, why)
						}
					}
					call.Proto = 0
				}
			}
		}
	}
	if plain < 1000 {
		t.Errorf("only %d cases are plain", plain)
	}
}
