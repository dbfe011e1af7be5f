package resp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func one(t testing.TB, s string) *Request {
	t.Helper()
	var d RequestDecoder
	req := new(Request)
	d.Feed([]byte(s), 0)
	if err := d.Next(req); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return req
}

func TestInline(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"PING\r\n", []string{"PING"}},
		{"PING\n", []string{"PING"}},
		{"  SET\tk  v \r\n", []string{"SET", "k", "v"}},
		{`SET "a b" 'c d'` + "\r\n", []string{"SET", "a b", "c d"}},
		{`ECHO "\x41\n\r\t\b\a\q\""` + "\r\n", []string{"ECHO", "A\n\r\t\b\aq\""}},
		{`ECHO 'it\'s' 'a\n'` + "\n", []string{"ECHO", "it's", `a\n`}},
		{`ECHO fo"o b"` + "\n", []string{"ECHO", "foo b"}},
		{`ECHO ""` + "\n", []string{"ECHO", ""}},
		{"GET a\x00b\n", []string{"GET", "a"}},
		{`ECHO "\xzz"` + "\n", []string{"ECHO", "xzz"}},
	} {
		req := one(t, c.line)
		var got []string
		for _, a := range req.Args {
			got = append(got, string(a.Bytes))
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") || !req.Inline || req.NArgs != len(c.want) || int(req.End) != len(c.line) {
			t.Errorf("%q: %q %s", c.line, got, req.show())
		}
	}
}

func TestRequestErrors(t *testing.T) {
	for _, c := range []struct {
		in, want string
		at       int64
	}{
		{"*x\r\n", "Protocol error: invalid multibulk length", 0},
		{"*2147483648\r\n", "Protocol error: invalid multibulk length", 0},
		{"*01\r\n", "Protocol error: invalid multibulk length", 0},
		{"*" + strings.Repeat("1", 40), "Protocol error: invalid multibulk length", 0},
		{"*1\r\n:1\r\n", "Protocol error: expected '$', got ':'", 4},
		{"*1\r\n\x1b1\r\n", "Protocol error: expected '$', got '.'", 4},
		{"*1\r\n$-1\r\n", "Protocol error: invalid bulk length", 4},
		{"*1\r\n$9223372036854775807\r\n", "Protocol error: invalid bulk length", 4},
		{"GET \"a\r\n", "Protocol error: unbalanced quotes in request", 0},
		{"GET 'a'b\r\n", "Protocol error: unbalanced quotes in request", 0},
		{strings.Repeat("a", MaxInline+1), "Protocol error: too big inline request", 0},
		{"POST / HTTP/1.1\r\n", "possible cross protocol attack: POST", 0},
		{"Host: x\r\n", "possible cross protocol attack: Host:", 0},
	} {
		for _, size := range []int{len(c.in), 1} {
			var d RequestDecoder
			var req Request
			var err error
			for at := 0; at < len(c.in) && (err == nil || err == ErrShort); at += size {
				d.Feed([]byte(c.in[at:min(at+size, len(c.in))]), 0)
				err = d.Next(&req)
			}
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Msg != c.want || syntax.Offset != c.at {
				t.Errorf("%.40q by %d: %v, want %s at %d", c.in, size, err, c.want, c.at)
			}
		}
	}
}

func TestRequestResumesAfterError(t *testing.T) {
	var d RequestDecoder
	var req Request
	d.SetOffset(-100)
	d.Feed([]byte("*1\r\n$4\r\nPING\r\n*1\r\n:bad\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), 0)
	if err := d.Next(&req); err != nil || req.Start != -100 || req.End != -86 {
		t.Fatal(err, req.show())
	}
	var syntax *SyntaxError
	if err := d.Next(&req); !errors.As(err, &syntax) || syntax.Offset != -82 {
		t.Fatal(err)
	}
	if err := d.Next(&req); err != nil || !req.Resynced || !req.Doubtful || req.LostBefore != 10 || string(req.Last.Bytes) != "k" {
		t.Fatal(err, req.show())
	}
	if err := d.Next(&req); err != ErrShort || d.Offset() != d.in.framed {
		t.Fatal(err)
	}
	d.Feed([]byte("PING\r\n"), 0)
	if err := d.Next(&req); err != nil || req.Doubtful {
		t.Fatal("a segment that begins at the boundary did not confirm it")
	}
}

func TestEmptyRequests(t *testing.T) {
	var d RequestDecoder
	var req Request
	d.Feed([]byte("\r\n*0\r\n*-1\r\n \n*1\r\n$4\r\nPING\r\n"), 0)
	if err := d.Next(&req); err != nil || req.LostBefore != 0 || d.Empty() != 4 || req.Start != 13 {
		t.Fatal(err, req.show(), d.Empty())
	}
}

func TestLongKeySplit(t *testing.T) {
	key := strings.Repeat("k", 1024)
	var s stream
	s.request("SET", key, strings.Repeat("v", 100000))
	for at := 1; at < 1200; at++ {
		var d RequestDecoder
		var req Request
		d.Feed(s.Bytes()[:at], 0)
		if d.Next(&req) != ErrShort {
			t.Fatal("not short")
		}
		if start, ok := d.Partial(); !ok || start != 0 {
			t.Fatal("no partial request")
		}
		d.Feed(s.Bytes()[at:], 0)
		if err := d.Next(&req); err != nil || string(req.Args[1].Bytes) != key || !req.Args[1].Whole() {
			t.Fatal(at, err, len(req.Args[1].Bytes))
		}
	}
}

// TestHostileLengths feeds declared sizes that no memory could hold.
func TestHostileLengths(t *testing.T) {
	for _, in := range []string{"*2147483647\r\n$4\r\nPING\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nxxx"} {
		if n := testing.AllocsPerRun(10, func() {
			var d RequestDecoder
			var req Request
			d.Feed([]byte(in), 0)
			if err := d.Next(&req); err != ErrShort {
				t.Fatal(err)
			}
			if n := cap(d.part.req.Args)*40 + cap(d.part.req.buf) + cap(d.part.line); n > 4096 {
				t.Errorf("%q takes %d bytes", in, n)
			}
		}); n > 16 {
			t.Errorf("%q: %v allocations", in, n)
		}
	}
	for _, in := range []string{"*2147483647\r\n+OK\r\n", "%4294967296\r\n+a\r\n", "$536870912\r\nxx", "~99999999\r\n:1\r\n"} {
		var d ReplyDecoder
		var rep Reply
		d.Feed([]byte(in), 0)
		if err := d.Next(&rep); err != ErrShort {
			t.Fatal(in, err)
		}
		if n := cap(d.part.rep.Elems) + cap(d.part.rep.stack); n > 16 {
			t.Errorf("%q keeps %d entries", in, n)
		}
	}
	for _, in := range []string{"%4611686018427387904\r\n", "*99999999999999999999\r\n", "$99999999999\r\n", "*-2\r\n", "$-2\r\n", "=-1\r\n"} {
		var d ReplyDecoder
		var syntax *SyntaxError
		d.Feed([]byte(in), 0)
		if err := d.Next(&Reply{}); !errors.As(err, &syntax) || syntax.Offset != 0 {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// TestManyArguments keeps the first and last of a great many.
func TestManyArguments(t *testing.T) {
	var s stream
	args := []string{"MSET"}
	for i := range 5000 {
		args = append(args, fmt.Sprint("arg", i))
	}
	s.request(args...)
	for _, size := range []int{s.Len(), 700, 3} {
		var d RequestDecoder
		var req Request
		err := ErrShort
		for at := 0; at < s.Len(); at += size {
			d.Feed(s.Bytes()[at:min(at+size, s.Len())], 0)
			err = d.Next(&req)
		}
		if err != nil || req.NArgs != 5001 || len(req.Args) != MaxArgs || string(req.Args[15].Bytes) != "arg14" || string(req.Last.Bytes) != "arg4999" {
			t.Fatal(size, err, req.NArgs, string(req.Last.Bytes))
		}
	}
}

// nested returns a decoding time of n nested arrays in segments of 1460 bytes.
func nested(t *testing.T, n int) time.Duration {
	in := []byte(strings.Repeat("*1\r\n", n) + ":1\r\n")
	var d ReplyDecoder
	var rep Reply
	start := time.Now()
	err := ErrShort
	for at := 0; at < len(in); at += 1460 {
		d.Feed(in[at:min(at+1460, len(in))], 0)
		err = d.Next(&rep)
	}
	if err != nil || rep.End != int64(len(in)) || rep.TooDeep != (n > MaxDepth) || rep.Elements != 1 {
		t.Fatalf("%d deep: %v %s", n, err, rep.show())
	}
	if cap(rep.stack) > 2*MaxDepth {
		t.Errorf("the stack grew to %d", cap(rep.stack))
	}
	return time.Since(start)
}

func TestDeepNesting(t *testing.T) {
	for _, n := range []int{1, 2, MaxDepth - 1, MaxDepth, MaxDepth + 1, 5000, 1000000} {
		t.Logf("%d deep in %v", n, nested(t, n))
	}
	// Attributes and maps below the cap end where they should.
	deep := strings.Repeat("*1\r\n", MaxDepth)
	for _, in := range []string{"|1\r\n+a\r\n:1\r\n:2\r\n", "%1\r\n+k\r\n*2\r\n:1\r\n:2\r\n", ">1\r\n+p\r\n:3\r\n", "*0\r\n", "%0\r\n"} {
		var d ReplyDecoder
		var rep Reply
		d.Feed([]byte(deep+in+"+next\r\n"), 0)
		if err := d.Next(&rep); err != nil || int(rep.End) != len(deep)+len(in) {
			t.Errorf("%q: %v %s", in, err, rep.show())
		}
	}
}
