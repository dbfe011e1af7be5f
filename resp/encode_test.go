package resp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// stream builds the bytes of a direction and remembers where each value begins and ends.
type stream struct {
	bytes.Buffer
	values []span
}

type span struct{ start, end int }

func (s *stream) value(write func()) {
	start := s.Len()
	write()
	s.values = append(s.values, span{start, s.Len()})
}

func (s *stream) request(args ...string) {
	s.value(func() {
		fmt.Fprintf(s, "*%d\r\n", len(args))
		for _, a := range args {
			fmt.Fprintf(s, "$%d\r\n%s\r\n", len(a), a)
		}
	})
}

// word returns a binary-safe random string of up to n bytes that likes CR, LF and marker bytes.
func word(r *rand.Rand, n int) string {
	const bytes = "abcdefgh\r\n*$:+-0123456789\x00\xff{}"
	b := make([]byte, r.IntN(n+1))
	for i := range b {
		b[i] = bytes[r.IntN(len(bytes))]
	}
	return string(b)
}

// randomRequest appends one request, now and then inline, long or with many arguments.
func randomRequest(r *rand.Rand, s *stream) {
	switch r.IntN(12) {
	case 0:
		s.value(func() { s.WriteString("SET k \"a b\\x41\" tail\r\n") })
	case 1:
		s.request("SET", word(r, 30), strings.Repeat(word(r, 50), 60))
	case 2:
		args := []string{"MSET"}
		for range 2 + r.IntN(40) {
			args = append(args, word(r, 20))
		}
		s.request(args...)
	default:
		args := []string{[]string{"GET", "SET", "ZADD", "FT.SEARCH", "PING"}[r.IntN(5)]}
		for range r.IntN(5) {
			args = append(args, word(r, 12))
		}
		s.request(args...)
	}
}

// randomValue appends one RESP3 value of any type without a push inside.
func randomValue(r *rand.Rand, b *bytes.Buffer, depth int) {
	kinds := 16
	if depth > 3 {
		kinds = 10
	}
	switch r.IntN(kinds) {
	case 0:
		b.WriteString("+OK\r\n")
	case 1:
		b.WriteString("-MOVED 3999 192.0.2.1:6381\r\n")
	case 2:
		fmt.Fprintf(b, ":%d\r\n", r.Int64()-r.Int64())
	case 3:
		w := word(r, 80)
		fmt.Fprintf(b, "$%d\r\n%s\r\n", len(w), w)
	case 4:
		b.WriteString([]string{"$-1\r\n", "*-1\r\n", "_\r\n"}[r.IntN(3)])
	case 5:
		b.WriteString([]string{"#t\r\n", "#f\r\n", ",3.25\r\n", ",inf\r\n", ",-nan\r\n"}[r.IntN(5)])
	case 6:
		b.WriteString("(3492890328409238509324850943850943825024385\r\n")
	case 7:
		w := "txt:" + word(r, 300)
		fmt.Fprintf(b, "=%d\r\n%s\r\n", len(w), w)
	case 8:
		fmt.Fprintf(b, "!%d\r\n%s\r\n", 21, "SYNTAX invalid syntax")
	case 9:
		b.WriteString("$?\r\n")
		for range r.IntN(4) {
			w := "x" + word(r, 100)
			fmt.Fprintf(b, ";%d\r\n%s\r\n", len(w), w)
		}
		b.WriteString(";0\r\n")
	case 10, 11:
		n := r.IntN(5)
		fmt.Fprintf(b, "%c%d\r\n", "*~"[r.IntN(2)], n)
		for range n {
			randomValue(r, b, depth+1)
		}
	case 12:
		n := r.IntN(4)
		fmt.Fprintf(b, "%%%d\r\n", n)
		for range 2 * n {
			randomValue(r, b, depth+1)
		}
	case 13:
		fmt.Fprintf(b, "|1\r\n+ttl\r\n:%d\r\n", r.IntN(100))
		randomValue(r, b, depth+1)
	case 14:
		fmt.Fprintf(b, "%c?\r\n", "*~%"[r.IntN(3)])
		for range 2 * r.IntN(3) {
			randomValue(r, b, depth+1)
		}
		b.WriteString(".\r\n")
	case 15:
		if depth > 0 {
			b.WriteString(":1\r\n")
			return
		}
		b.WriteString(">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n")
	}
}

func (s *stream) reply(r *rand.Rand) {
	s.value(func() { randomValue(r, &s.Buffer, 0) })
}
