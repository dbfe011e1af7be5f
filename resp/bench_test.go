package resp

import (
	"strings"
	"testing"
)

func repeatRequest(n int, args ...string) []byte {
	var s stream
	for range n {
		s.request(args...)
	}
	return s.Bytes()
}

func benchRequests(b *testing.B, in []byte, size int) {
	var d RequestDecoder
	var req Request
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for at := 0; at < len(in); at += size {
			d.Feed(in[at:min(at+size, len(in))], 0)
			for d.Next(&req) == nil {
				n++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(n, 1)), "ns/request")
}

func benchReplies(b *testing.B, in []byte, size int) {
	var d ReplyDecoder
	var rep Reply
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for at := 0; at < len(in); at += size {
			d.Feed(in[at:min(at+size, len(in))], 0)
			for d.Next(&rep) == nil {
				n++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(n, 1)), "ns/reply")
}

func BenchmarkRequests(b *testing.B) {
	const mss = 1448
	b.Run("get", func(b *testing.B) { benchRequests(b, repeatRequest(1, "GET", "key:000000012345"), mss) })
	b.Run("set", func(b *testing.B) { benchRequests(b, repeatRequest(1, "SET", "key:000000012345", "xxx"), mss) })
	b.Run("pipeline32", func(b *testing.B) { benchRequests(b, repeatRequest(32, "SET", "key:000000012345", "xxx"), mss) })
	b.Run("pipeline32-split", func(b *testing.B) { benchRequests(b, repeatRequest(32, "SET", "key:000000012345", "xxx"), 100) })
	b.Run("value1MB", func(b *testing.B) { benchRequests(b, repeatRequest(1, "SET", "key", strings.Repeat("v", 1<<20)), mss) })
}

func BenchmarkReplies(b *testing.B) {
	const mss = 1448
	b.Run("ok", func(b *testing.B) { benchReplies(b, []byte("+OK\r\n"), mss) })
	b.Run("bulk", func(b *testing.B) { benchReplies(b, []byte("$3\r\nxxx\r\n"), mss) })
	b.Run("pipeline32", func(b *testing.B) { benchReplies(b, []byte(strings.Repeat("$3\r\nxxx\r\n", 32)), mss) })
	b.Run("array100", func(b *testing.B) { benchReplies(b, []byte("*100\r\n"+strings.Repeat("$5\r\nhello\r\n", 100)), mss) })
	b.Run("array100-split", func(b *testing.B) { benchReplies(b, []byte("*100\r\n"+strings.Repeat("$5\r\nhello\r\n", 100)), 100) })
	b.Run("value1MB", func(b *testing.B) { benchReplies(b, []byte("$1048576\r\n"+strings.Repeat("v", 1<<20)+"\r\n"), mss) })
}

// TestSteadyStateAllocatesNothing holds for whole and for split values alike.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	requests := repeatRequest(32, "SET", "key:000000012345", strings.Repeat("v", 200))
	replies := []byte(strings.Repeat("*3\r\n$3\r\nxxx\r\n+OK\r\n%1\r\n:1\r\n$1\r\na\r\n", 32))
	for _, size := range []int{1 << 20, 100} {
		var d RequestDecoder
		var req Request
		var e ReplyDecoder
		var rep Reply
		round := func() {
			for at := 0; at < len(requests); at += size {
				d.Feed(requests[at:min(at+size, len(requests))], 0)
				for d.Next(&req) == nil {
				}
			}
			for at := 0; at < len(replies); at += size {
				e.Feed(replies[at:min(at+size, len(replies))], 0)
				for e.Next(&rep) == nil {
				}
			}
		}
		round()
		round()
		if n := testing.AllocsPerRun(50, round); n != 0 {
			t.Errorf("segments of %d: %v allocations a round", size, n)
		}
	}
}
