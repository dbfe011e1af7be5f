package resp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

// show writes a request in full, with texts cut to what is kept of split ones.
func (r *Request) show() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d-%d n%d inline%t opaque%t lost%d resynced%t", r.Start, r.End, r.NArgs, r.Inline, r.Opaque, r.LostBefore, r.Resynced)
	for _, a := range append(r.Args[:len(r.Args):len(r.Args)], r.Last) {
		fmt.Fprintf(&b, " %d:%q", a.Len, a.Bytes[:min(len(a.Bytes), MaxArg)])
	}
	return b.String()
}

func (r *Reply) show() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d-%d %v%c%d %q elements%d attr%t opaque%t streamed%t deep%t odd%t lost%d resynced%t push%t@%d", r.Start, r.End,
		r.Kind, r.Marker, r.N, r.Text, r.Elements, r.Attr, r.Opaque, r.Streamed, r.TooDeep, r.OddLine, r.LostBefore, r.Resynced,
		r.PushInside, r.PushAt)
	for _, e := range r.Elems {
		fmt.Fprintf(&b, " [%d %v%c%d %q]", e.Start, e.Kind, e.Marker, e.N, e.Text)
	}
	return b.String()
}

// cuts gives the places at which a stream is cut into segments.
func cuts(r *rand.Rand, size, longest int) (at []int) {
	for p := 0; p < size; {
		p = min(size, p+1+r.IntN(longest))
		at = append(at, p)
	}
	return at
}

// drain reads all values that are ready and checks what must hold of every one.
func drainRequests(t testing.TB, d *RequestDecoder, req *Request, out []string) []string {
	for {
		err := d.Next(req)
		if err == ErrShort {
			return out
		}
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			out = append(out, err.Error())
			continue
		}
		if req.NArgs < 1 || req.End <= req.Start || len(req.Args) != min(req.NArgs, MaxArgs) {
			t.Fatalf("impossible request %s", req.show())
		}
		out = append(out, req.show())
	}
}

func drainReplies(t testing.TB, d *ReplyDecoder, rep *Reply, out []string) []string {
	for {
		err := d.Next(rep)
		if err == ErrShort {
			return out
		}
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			out = append(out, err.Error())
			continue
		}
		if rep.End <= rep.Start && !rep.Abandoned || rep.Kind == NoKind && !rep.Abandoned || len(rep.Elems) > MaxElems || len(rep.Text) > MaxText {
			t.Fatalf("impossible reply %s", rep.show())
		}
		out = append(out, rep.show())
	}
}

func decodeRequests(t testing.TB, stream []byte, at []int) (out []string) {
	var d RequestDecoder
	var req Request
	from := 0
	for _, to := range at {
		// A copy of its own that is spoilt afterwards shows any byte borrowed for too long.
		p := append([]byte(nil), stream[from:to]...)
		d.Feed(p, 0)
		out = drainRequests(t, &d, &req, out)
		clear(p)
		from = to
	}
	return out
}

func decodeReplies(t testing.TB, stream []byte, at []int) (out []string) {
	var d ReplyDecoder
	var rep Reply
	from := 0
	for _, to := range at {
		p := append([]byte(nil), stream[from:to]...)
		d.Feed(p, 0)
		out = drainReplies(t, &d, &rep, out)
		clear(p)
		from = to
	}
	return out
}

func TestRequestSplitInvariance(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		var s stream
		for range 20 {
			randomRequest(r, &s)
			if r.IntN(6) == 0 {
				s.WriteString([]string{"\r\n", "*0\r\n", "*-1\r\n", "  \n"}[r.IntN(4)])
			}
		}
		want := decodeRequests(t, s.Bytes(), []int{s.Len()})
		if len(want) != len(s.values) {
			t.Fatalf("seed %d: %d requests, want %d\n%s", seed, len(want), len(s.values), strings.Join(want, "\n"))
		}
		for i, v := range s.values {
			if prefix := fmt.Sprintf("%d-%d ", v.start, v.end); !strings.HasPrefix(want[i], prefix) || !strings.Contains(want[i], "lost0") {
				t.Fatalf("seed %d: request %d is %s, want %s", seed, i, want[i], prefix)
			}
		}
		for _, longest := range []int{1, 2, 3, 7, 20, 100, 1000} {
			same(t, fmt.Sprint("seed ", seed, " longest ", longest), decodeRequests(t, s.Bytes(), cuts(r, s.Len(), longest)), want)
		}
	}
}

func TestReplySplitInvariance(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		var s stream
		for range 20 {
			s.reply(r)
		}
		want := decodeReplies(t, s.Bytes(), []int{s.Len()})
		if len(want) != len(s.values) {
			t.Fatalf("seed %d: %d replies, want %d\n%s", seed, len(want), len(s.values), strings.Join(want, "\n"))
		}
		for i, v := range s.values {
			if prefix := fmt.Sprintf("%d-%d ", v.start, v.end); !strings.HasPrefix(want[i], prefix) || !strings.Contains(want[i], "lost0") {
				t.Fatalf("seed %d: reply %d is %s, want %s", seed, i, want[i], prefix)
			}
		}
		for _, longest := range []int{1, 2, 3, 7, 20, 100, 1000} {
			same(t, fmt.Sprint("seed ", seed, " longest ", longest), decodeReplies(t, s.Bytes(), cuts(r, s.Len(), longest)), want)
		}
	}
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("%s: value %d:\n got %s\nwant %s", what, i, g, w)
		}
	}
}

func TestIdleDecoderIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(RequestDecoder{}); n > 104 {
		t.Errorf("RequestDecoder takes %d bytes", n)
	}
	if n := unsafe.Sizeof(ReplyDecoder{}); n > 104 {
		t.Errorf("ReplyDecoder takes %d bytes", n)
	}
	var d RequestDecoder
	d.Feed([]byte("PING\r\n"), 0)
	drainRequests(t, &d, &Request{}, nil)
	if d.part != nil || d.in.p != nil {
		t.Error("an idle decoder holds on to memory")
	}
}
