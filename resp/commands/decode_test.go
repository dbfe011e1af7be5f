package commands

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/resp"
)

// array is a request as clients send it.
func array(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

func one(t testing.TB, s string) *resp.Request {
	t.Helper()
	var d resp.RequestDecoder
	req := new(resp.Request)
	d.Feed([]byte(s), 0)
	if err := d.Next(req); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return req
}

func reply(t testing.TB, s string) *resp.Reply {
	t.Helper()
	var d resp.ReplyDecoder
	rep := new(resp.Reply)
	d.Feed([]byte(s), 0)
	if err := d.Next(rep); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return rep
}

func BenchmarkLookup(b *testing.B) {
	req := one(b, "SET key:000000012345 v NX\n")
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Lookup(req)
		}
	})
	b.Run("summarise", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Summarise(req)
		}
	})
}

// FuzzCalls: looking a request up and judging replies never panics.
func FuzzCalls(f *testing.F) {
	f.Add([]byte("GET k"))
	f.Add([]byte("XREAD BLOCK 0 STREAMS a 0"))
	f.Add([]byte("MIGRATE h 1 \"\" 0 5 AUTH2 u p KEYS a b"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		var d resp.RequestDecoder
		var req resp.Request
		d.Feed(append(line[:len(line):len(line)], '\r', '\n'), 0)
		if d.Next(&req) != nil {
			return
		}
		c := Lookup(&req)
		c.Keys(&req, func(a resp.Arg) bool { resp.Slot(a.Bytes); return true })
		c.BlockTimeout(&req)
		Secrets(&req)
		call := Summarise(&req)
		for _, r := range []resp.Reply{{Kind: resp.Bulk, N: 3, Text: []byte("abc")}, {Kind: resp.Error, Text: line}, {Kind: resp.Array, N: 2}, {Kind: resp.Simple, Text: line}} {
			call.Allows(&r)
		}
	})
}
