package resp

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// seeds are streams that reach each state of both decoders.
func seeds(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		var q, p stream
		for range 6 {
			randomRequest(r, &q)
			p.reply(r)
		}
		f.Add(q.Bytes(), uint16(r.Uint32()))
		f.Add(p.Bytes(), uint16(r.Uint32()))
	}
	f.Add([]byte("*?\r\n|1\r\n+a\r\n:1\r\n>1\r\n+x\r\n$?\r\n;1\r\na\r\n;0\r\n.\r\n"), uint16(3))
	f.Add([]byte("\r\n*-1\r\nSET 'a' \"\\x41\"\n*1\r\n$4\r\nPOST\r\n"), uint16(9))
}

// FuzzRequests: any split gives the same requests and errors up to the first error, and holes never panic.
func FuzzRequests(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		r := rand.New(rand.NewPCG(uint64(cut), 7))
		if len(b) == 0 {
			return
		}
		want := untilError(decodeRequests(t, b, []int{len(b)}))
		got := untilError(decodeRequests(t, b, cuts(r, len(b), 1+int(cut)%50)))
		samePrefix(t, got, want)
		var d RequestDecoder
		var req Request
		for from := 0; from < len(b); {
			to := min(len(b), from+1+r.IntN(20))
			switch r.IntN(4) {
			case 0:
				d.Gap(int64(to - from))
			case 1:
				d.Feed(b[from:(from+to)/2], to-(from+to)/2)
				drainRequests(t, &d, &req, nil)
			default:
				d.Feed(b[from:to], 0)
				drainRequests(t, &d, &req, nil)
			}
			if from = to; d.Offset() != int64(from) {
				t.Fatalf("offset %d, want %d", d.Offset(), from)
			}
		}
	})
}

// FuzzReplies does the same for replies.
func FuzzReplies(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		r := rand.New(rand.NewPCG(uint64(cut), 8))
		if len(b) == 0 {
			return
		}
		want := untilError(decodeReplies(t, b, []int{len(b)}))
		got := untilError(decodeReplies(t, b, cuts(r, len(b), 1+int(cut)%50)))
		samePrefix(t, got, want)
		var d ReplyDecoder
		var rep Reply
		for from := 0; from < len(b); {
			to := min(len(b), from+1+r.IntN(20))
			switch r.IntN(5) {
			case 0:
				d.Gap(int64(to - from))
			case 1:
				d.Feed(b[from:(from+to)/2], to-(from+to)/2)
				drainReplies(t, &d, &rep, nil)
			case 2:
				d.Abandon()
				fallthrough
			default:
				d.Feed(b[from:to], 0)
				drainReplies(t, &d, &rep, nil)
			}
			d.Open()
			if from = to; d.Offset() != int64(from) {
				t.Fatalf("offset %d, want %d", d.Offset(), from)
			}
		}
	})
}

// FuzzInline: what is split is what quoting it again says.
func FuzzInline(f *testing.F) {
	f.Add([]byte(`SET "a\x00b" 'c\'d' e"f g"`))
	f.Add([]byte("XREAD BLOCK 0 STREAMS a 0"))
	f.Add([]byte("MIGRATE h 1 \"\" 0 5 AUTH2 u p KEYS a b"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		var d RequestDecoder
		var req, again Request
		d.Feed(append(line[:len(line):len(line)], '\r', '\n'), 0)
		if d.Next(&req) != nil {
			return
		}
		if req.NArgs > MaxArgs {
			return
		}
		var s bytes.Buffer
		for _, a := range req.Args {
			s.WriteString(` "`)
			for _, c := range a.Bytes {
				s.WriteString(`\x`)
				s.WriteByte(hexDigits[c>>4])
				s.WriteByte(hexDigits[c&15])
			}
			s.WriteString(`"`)
		}
		s.WriteString("\n")
		var e RequestDecoder
		e.Feed(s.Bytes(), 0)
		if err := e.Next(&again); err != nil || again.NArgs != req.NArgs {
			t.Fatalf("%q: %v %s", s.Bytes(), err, again.show())
		}
		for i := range req.Args {
			if !bytes.Equal(req.Args[i].Bytes, again.Args[i].Bytes) {
				t.Fatalf("argument %d is %q, then %q", i, req.Args[i].Bytes, again.Args[i].Bytes)
			}
		}
	})
}

// untilError cuts the list behind the first error: how the search for a boundary goes on depends on the segments.
func untilError(values []string) []string {
	for i, v := range values {
		if len(v) > 5 && v[:5] == "resp:" {
			return values[:i]
		}
	}
	return values
}

func samePrefix(t testing.TB, got, want []string) {
	t.Helper()
	same(t, "split", got, want)
}
