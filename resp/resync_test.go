package resp

import (
	"strings"
	"testing"
)

// TestReplySeek feeds one segment after a hole: where, if anywhere, a reply is taken to begin.
func TestReplySeek(t *testing.T) {
	full := strings.Repeat("x", 1448)
	for _, c := range []struct {
		before, segment string
		hole            int64
		want            int // in the segment, or -1
	}{
		{"", "+OK\r\n", 5, 0},
		{"", "$3\r\nabc\r\n:1\r\n", 5, 0},
		{"", "*2\r\n$3\r\nabc\r\n$100\r\nxyz", 5, 0},
		{"", ">2\r\n+a\r\n+b\r\n", 5, 0},
		{"", "|1\r\n+a\r\n:1\r\n+OK\r\n", 5, 0},
		{"", "+1339518083.107412 [0 127.0.0.1:60866] \"keys\"\r\n", 5, 0},
		{"", "tail\r\n+OK\r\n", 5, 6},
		{"", "tail\r\n-ERR no\r\n$3\r\nabc\r\n", 5, 6},
		{"", "tail\r\n:1\r\n$3\r\nabc\r\n", 5, -1},    // elements of an array look like this
		{"", "tail\r\n*1\r\n+OK\r\n+OK\r\n", 5, -1},   // so does the second status
		{"", "*?\r\n+OK\r\n.\r\n", 5, -1},             // no server streams
		{"", "*2\r\nbad\r\n+OK\r\n", 5, -1},           // a head with wrong elements
		{"", "- item\r\n- other\r\n", 5, -1},          // a list in a text value
		{"", "+OK\r\ngarbage\r\n", 5, -1},             // what follows is no reply
		{"", "tail\r\n+OK\r\ngarbage", 5, -1},         //
		{"", "$99999999999\r\n", 5, -1},               //
		{full, "+OK\r\n", 1448, -1},                   // in the middle of a long reply
		{full, "tail\r\n+OK\r\n", 2896, -1},           //
		{full, "+OK\r\n", 1447, 0},                    // its end was lost
		{"", "1\r\n" + full[:1440] + "\r\n", 5, -1},   //
		{"", "=7\r\ntxt:abc\r\n_\r\n#t\r\n", 5, 0},    //
		{"", "%1\r\n+a\r\n,1.5\r\n(12\r\n~0", 5, 0},   // cut in its last line
		{"", "!8\r\nERR nope\r\n", 5, 0},              //
		{"", "*1\r\n>1\r\n+p\r\n:1\r\n+OK\r\n", 5, 0}, // a push inside
	} {
		var d ReplyDecoder
		var rep Reply
		if c.before != "" {
			d.Feed([]byte("$9999\r\n"+c.before[7:]), 0)
			if d.Next(&rep) != ErrShort {
				t.Fatal("not short")
			}
			d.part = nil
		}
		d.Gap(c.hole)
		d.part, d.in.lost = nil, true
		start := d.Offset()
		d.Feed([]byte(c.segment), 0)
		got := -1
		switch err := d.Next(&rep); {
		case err == nil:
			got = int(rep.Start - start)
			if !rep.Resynced || !rep.Doubtful || rep.LostBefore != rep.Start {
				t.Errorf("%q: %s", c.segment, rep.show())
			}
		case d.part != nil:
			got = int(d.part.rep.Start - start)
		case !d.Lost():
			t.Errorf("%q: %v", c.segment, err)
		}
		if got != c.want {
			t.Errorf("%.60q after a hole of %d: %d, want %d", c.segment, c.hole, got, c.want)
		}
	}
}

// TestRequestSeek does the same for requests.
func TestRequestSeek(t *testing.T) {
	for _, c := range []struct {
		segment string
		want    int
	}{
		{"*1\r\n$4\r\nPING\r\n", 0},
		{"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nxxxx", 0},
		{"*1\r\n$4\r\nPI", -1},                             // the name is not all there
		{"value\r\n*1\r\n$4\r\nPING\r\n", 7},               //
		{"value\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r", 7}, // cut in the next one
		{"value\r\n*2\r\n$3\r\nGET\r\n$1\r\n", -1},         // not one whole request
		{"value\r\n*1\r\n$4\r\nPING\r\n\r\n", -1},          // a request inside a value: its end follows
		{"*1\r\n$4\r\nPI\x00G\r\n", -1},                    // no name
		{"*1\r\n$4\r\n1234\r\n", -1},                       //
		{"*2\r\n$3\r\nGET\r\n:1\r\n", -1},                  //
		{"*2\r\n$3\r\nGETxx$1\r\n", -1},                    //
		{"*0\r\n", -1},                                     //
		{"PING\r\n", -1},                                   // an inline request could be any text
	} {
		var d RequestDecoder
		var req Request
		d.Gap(50)
		d.Feed([]byte(c.segment), 0)
		got := -1
		switch err := d.Next(&req); {
		case err == nil:
			got = int(req.Start - 50)
		case d.part != nil:
			got = int(d.part.req.Start - 50)
		case !d.Lost():
			t.Errorf("%q: %v", c.segment, err)
		}
		if got != c.want {
			t.Errorf("%q: %d, want %d", c.segment, got, c.want)
		}
	}
}

// BenchmarkSeek walks streams made to look like boundaries that turn out wrong.
func BenchmarkSeek(b *testing.B) {
	requests := []byte(strings.Repeat(strings.Repeat("\r\n*1\r\n$1\r\nA", 30)+"\r\nx", 4))
	replies := []byte(strings.Repeat("\r\n"+strings.Repeat("+A\r\n", 60)+"x", 6))
	b.Run("requests", func(b *testing.B) {
		var d RequestDecoder
		var req Request
		b.SetBytes(int64(len(requests)))
		for b.Loop() {
			d.Resync()
			d.Feed(requests, 0)
			for d.Next(&req) != ErrShort {
			}
		}
	})
	b.Run("replies", func(b *testing.B) {
		var d ReplyDecoder
		var rep Reply
		b.SetBytes(int64(len(replies)))
		for b.Loop() {
			d.Resync()
			d.Feed(replies, 0)
			for d.Next(&rep) != ErrShort {
			}
		}
	})
}
