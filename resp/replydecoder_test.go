package resp

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func reply(t testing.TB, s string) *Reply {
	t.Helper()
	var d ReplyDecoder
	rep := new(Reply)
	d.Feed([]byte(s), 0)
	if err := d.Next(rep); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	if int(rep.End) != len(s) {
		t.Fatalf("%q: ends at %d", s, rep.End)
	}
	return rep
}

func TestReplyTypes(t *testing.T) {
	for _, c := range []struct {
		in       string
		kind     Kind
		n        int64
		text     string
		elements int
	}{
		{"+OK\r\n", Simple, 0, "OK", 0},
		{"-ERR no\r\n", Error, 0, "ERR no", 0},
		{"!6\r\nERR no\r\n", Error, 6, "ERR no", 0},
		{":-42\r\n", Integer, -42, "-42", 0},
		{":+42\r\n", Integer, 42, "+42", 0},
		{":0\r\n", Integer, 0, "0", 0},
		{"$5\r\nhe\r\no\r\n", Bulk, 5, "he\r\no", 0},
		{"$0\r\n\r\n", Bulk, 0, "", 0},
		{"$-1\r\n", Null, -1, "", 0},
		{"*-1\r\n", Null, -1, "", 0},
		{"_\r\n", Null, -1, "", 0},
		{"#t\r\n", Boolean, 1, "", 0},
		{"#f\r\n", Boolean, 0, "", 0},
		{",1.5e-3\r\n", Double, 0, "1.5e-3", 0},
		{",-inf\r\n", Double, 0, "-inf", 0},
		{"(-123456789012345678901234567890\r\n", Bignum, 0, "-123456789012345678901234567890", 0},
		{"=8\r\ntxt:a\r\nb\r\n", Verbatim, 8, "txt:a\r\nb", 0},
		{"*0\r\n", Array, 0, "", 0},
		{"*2\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n", Array, 2, "", 2},
		{"%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n:1\r\n:2\r\n", Map, 2, "", 4},
		{"~2\r\n+a\r\n+b\r\n", Set, 2, "", 2},
		{">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n", Push, 2, "", 2},
		{"$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n", Bulk, 5, "Hello", 0},
		{"$?\r\n;0\r\n", Bulk, 0, "", 0},
		{"*?\r\n:1\r\n*?\r\n:1\r\n.\r\n:3\r\n.\r\n", Array, 3, "", 3},
		{"%?\r\n+a\r\n:1\r\n.\r\n", Map, 1, "", 2},
		{"|1\r\n+ttl\r\n:3600\r\n*1\r\n|1\r\n+a\r\n*0\r\n:7\r\n", Array, 1, "", 1},
	} {
		r := reply(t, c.in)
		if r.Kind != c.kind || r.N != c.n || string(r.Text) != c.text || r.Elements != c.elements || r.Attr != (c.in[0] == '|') {
			t.Errorf("%q: %s", c.in, r.show())
		}
	}
}

func TestReplyElements(t *testing.T) {
	r := reply(t, "*4\r\n+OK\r\n-MOVED 1 h:2\r\n*2\r\n$1\r\na\r\n:1\r\n$-1\r\n")
	for i, want := range []Elem{
		{Start: 4, Kind: Simple, Marker: '+', Text: []byte("OK")},
		{Start: 9, Kind: Error, Marker: '-', Text: []byte("MOVED 1 h:2")},
		{Start: 23, Kind: Array, Marker: '*', N: 2},
		{Start: 38, Kind: Null, Marker: '$', N: -1},
	} {
		g := r.Elems[i]
		if g.Start != want.Start || g.Kind != want.Kind || g.Marker != want.Marker || g.N != want.N || string(g.Text) != string(want.Text) {
			t.Errorf("element %d is %+v, want %+v", i, g, want)
		}
	}
}

// TestPushInside has the bytes of redis 7.0.15 for MULTI, PING, PUBLISH to its own channel, PING, EXEC: the push stands
// where the second element was due (redis/redis#12326).
func TestPushInside(t *testing.T) {
	in := "*3\r\n+PONG\r\n>3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n:1\r\n+PONG\r\n"
	for _, size := range []int{len(in), 1, 7} {
		var d ReplyDecoder
		var rep Reply
		err := ErrShort
		for at := 0; at < len(in); at += size {
			d.Feed([]byte(in[at:min(at+size, len(in))]), 0)
			err = d.Next(&rep)
		}
		if err != nil || !rep.PushInside || rep.PushAt != 11 || rep.Elements != 3 || len(rep.Elems) != 3 || rep.Elems[1].Kind != Integer || int(rep.End) != len(in) {
			t.Errorf("by %d: %v %s", size, err, rep.show())
		}
	}
	if reply(t, ">1\r\n+a\r\n").PushInside {
		t.Error("a push is not inside itself")
	}
}

// TestAbandon closes a short EXEC array where the server went idle, and the next bytes begin a reply.
func TestAbandon(t *testing.T) {
	var d ReplyDecoder
	var rep Reply
	if d.Abandon() {
		t.Error("nothing is open")
	}
	d.Feed([]byte("*5\r\n+OK\r\n:1\r\n+OK\r\n"), 0)
	if err := d.Next(&rep); err != ErrShort {
		t.Fatal(err)
	}
	if o, ok := d.Open(); !ok || o != (OpenReply{Kind: Array, Declared: 5, Received: 3, Boundary: true}) {
		t.Errorf("open is %+v", o)
	}
	if !d.Abandon() {
		t.Fatal("not open")
	}
	d.Feed([]byte("+PONG\r\n"), 0)
	if err := d.Next(&rep); err != nil || !rep.Abandoned || rep.Elements != 3 || rep.N != 5 || rep.End != 18 {
		t.Errorf("%v %s", err, rep.show())
	}
	if err := d.Next(&rep); err != nil || rep.Start != 18 || rep.LostBefore != 0 || string(rep.Text) != "PONG" || rep.Abandoned {
		t.Errorf("%v %s", err, rep.show())
	}
	d.Feed([]byte("*2\r\n$5\r\nhe"), 0)
	if err := d.Next(&rep); err != ErrShort {
		t.Fatal(err)
	}
	if o, _ := d.Open(); o.Boundary || o.Received != 0 || o.Start != 25 {
		t.Errorf("open is %+v", o)
	}
}

func TestReplyErrors(t *testing.T) {
	for _, c := range []struct {
		in string
		at int64
	}{
		{"\x16\x03\x01", 0}, {"hello\r\n", 0}, {":1x\r\n", 0}, {":\r\n", 0}, {"#x\r\n", 0}, {"_x\r\n", 0}, {",1,5\r\n", 0}, {"(1.5\r\n", 0},
		{"$5\r\nhello+OK\r\n", 9}, {"*1\r\n$x\r\n", 4}, {".\r\n", 0}, {"*1\r\n.\r\n", 4}, {";1\r\n", 0}, {"$?\r\n$1\r\n", 4}, {":1\n", 0},
		{"*1\r\n~-1\r\n", 4},
	} {
		for _, size := range []int{len(c.in), 1} {
			var d ReplyDecoder
			var err error
			for at := 0; at < len(c.in) && (err == nil || err == ErrShort); at += size {
				d.Feed([]byte(c.in[at:min(at+size, len(c.in))]), 0)
				err = d.Next(&Reply{})
			}
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset != c.at {
				t.Errorf("%q by %d: %v, want offset %d", c.in, size, err, c.at)
			}
		}
	}
}

// TestOddLine has an error with CR or LF inside, as redis/redis#10786 and CVE-2025-67733 let through.
func TestOddLine(t *testing.T) {
	for _, in := range []string{"-ERR a\nb\r\n", "-ERR a\rb\r\n", "+a\n\r\n"} {
		if r := reply(t, in); !r.OddLine {
			t.Errorf("%q: %s", in, r.show())
		}
	}
	long := "-ERR " + strings.Repeat("a", 2*MaxText)
	for in, odd := range map[string]bool{long + "\rb\r\n": true, long + "\r\r\n": true, long + "\nb\r\n": true, long + "\r\n": false} {
		same(t, in, decodeReplies(t, []byte(in), cuts(rand.New(rand.NewPCG(1, 1)), len(in), 1)), []string{reply(t, in).show()})
		if reply(t, in).OddLine != odd {
			t.Errorf("%q: odd is not %t", in, odd)
		}
	}
	if reply(t, "-ERR a\r\n").OddLine {
		t.Error("a plain error is odd")
	}
}

func TestReplyHoleInBulk(t *testing.T) {
	var d ReplyDecoder
	var rep Reply
	d.Feed([]byte("*2\r\n$10\r\n01234"), 0)
	if d.Next(&rep) != ErrShort {
		t.Fatal("not short")
	}
	d.Gap(7) // the rest of the string and its CRLF
	d.Feed([]byte("+OK\r\n"), 0)
	if err := d.Next(&rep); err != nil || !rep.Opaque || rep.LostBefore != 0 || rep.Resynced || rep.Elements != 2 || string(rep.Elems[0].Text) != "01234" || rep.Elems[0].N != 10 {
		t.Fatal(err, rep.show())
	}
	d.Feed([]byte("*3\r\n$10\r\n01234"), 0)
	d.Next(&rep)
	d.Gap(7)
	d.Feed([]byte("-ERR x\r\n:12\r\n"), 0)
	if err := d.Next(&rep); err != nil || string(rep.Elems[1].Text) != "ERR x" || string(rep.Elems[2].Text) != "12" {
		t.Fatal(err, rep.show())
	}
	d.Feed([]byte("$10\r\n01234"), 0)
	d.Next(&rep)
	d.Gap(8)
	d.Feed([]byte("+OK\r\n"), 0)
	if err := d.Next(&rep); err != nil || !rep.Resynced || rep.LostBefore != 18 || rep.Kind != Simple {
		t.Fatal(err, rep.show())
	}
}

// reset forgets every field but the memory for the next reply.
func TestResetReply(t *testing.T) {
	rep := Reply{part: &replyPart{}}
	v := reflect.ValueOf(&rep).Elem()
	for i := range v.NumField() {
		f := reflect.NewAt(v.Field(i).Type(), v.Field(i).Addr().UnsafePointer()).Elem()
		switch f.Kind() {
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(1)
		case reflect.Uint8:
			f.SetUint(1)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		}
	}
	rep.reset()
	want := Reply{Elems: rep.Elems[:0], stack: rep.stack[:0], buf: rep.buf[:0], part: rep.part}
	if !reflect.DeepEqual(rep, want) || cap(rep.Elems) == 0 || cap(rep.stack) == 0 || cap(rep.buf) == 0 || rep.part == nil {
		t.Errorf("%+v", rep)
	}
}
