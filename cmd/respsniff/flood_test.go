package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/internal/report"
)

// Most heap that a hostile input may take.
const (
	bombMemory  = 96 << 20
	floodMemory = 320 << 20 // below the usual --memory-limit of 512 MiB; under the race detector 262 MiB were seen on a busy machine
)

// TestFloods fills every table with what never ends.
func TestFloods(t *testing.T) {
	const n = 200_000
	for name, fill := range map[string]func(w *wire){
		"SYNs": func(w *wire) {
			for c := range n {
				w.send(c, true, tcpSYN, 0, 0, nil)
			}
		},
		"one pipeline without replies": func(w *wire) {
			w.open(1)
			seq := uint32(1)
			for i := range n / 4 {
				p := fmt.Appendf(nil, "*2\r\n$3\r\nGET\r\n$8\r\n%08d\r\n", i)
				w.send(1, true, tcpPush, seq, 1, p)
				seq += uint32(len(p))
			}
		},
		"pipelines without replies": func(w *wire) {
			const conns = 1000
			for c := range conns {
				w.open(c)
			}
			p := []byte(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 20))
			for i := range n / conns / 10 {
				for c := range conns {
					w.send(c, true, tcpPush, 1+uint32(i*len(p)), 1, p)
				}
			}
		},
		"replies that nobody asked for": func(w *wire) {
			w.open(1)
			p := []byte(strings.Repeat("$-1\r\n", 100))
			for i := range n / 20 {
				w.send(1, false, tcpPush, 1+uint32(i*len(p)), 1, p)
			}
		},
		"replies after one that cannot be": func(w *wire) {
			w.open(1)
			w.send(1, true, tcpPush, 1, 1, []byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"))
			p := []byte(strings.Repeat("+PONG\r\n", 100))
			for i := range n / 20 {
				w.send(1, false, tcpPush, 1+uint32(i*len(p)), 23, p)
			}
		},
		"holes": func(w *wire) {
			const conns = 500
			for c := range conns {
				w.open(c)
			}
			p := bytes.Repeat([]byte("x"), 100)
			for i := range n / conns / 4 {
				for c := range conns {
					w.send(c, i%2 == 0, tcpPush, 1000+uint32(i)*200, 1, p)
				}
			}
		},
		"keys, commands and errors": func(w *wire) {
			w.open(1)
			seq, ack := uint32(1), uint32(1)
			for i := range n / 4 {
				p := fmt.Appendf(nil, "*2\r\n$9\r\nX%08d\r\n$12\r\nkey:%08d\r\n", i, i)
				w.send(1, true, tcpPush, seq, ack, p)
				seq += uint32(len(p))
				p = fmt.Appendf(nil, "-ERR%06d unknown command\r\n", i)
				w.send(1, false, tcpPush, ack, seq, p)
				ack += uint32(len(p))
			}
		},
		"clients that give up": func(w *wire) {
			for c := range n / 40 {
				w.open(c * 50001 % (1 << 24))
				p := []byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")
				for i := range 4 {
					w.micros += 30_000
					w.send(c*50001%(1<<24), true, tcpPush, 1+uint32(i*len(p)), 1, p)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire()
			fill(w)
			size := w.Len()
			start := time.Now()
			r, peak, finished := watched("analyze", "-q", "-o", "json", w.file(t))
			if !finished {
				t.Fatalf("not done after %v", hangs)
			}
			if r.code == exitInternal || r.code == exitUsage || !json.Valid([]byte(r.out)) {
				t.Errorf("exit code %d: %.500s", r.code, r.errout)
			}
			if peak > floodMemory {
				t.Errorf("heap of %d MiB", peak>>20)
			}
			t.Logf("%d MiB in %v, heap %d MiB", size>>20, time.Since(start).Round(time.Millisecond), peak>>20)
		})
	}
}

// TestFloodsScale reaches the limits of a small --memory-limit with many source addresses, and with many connections that have one
// unanswered command each. What is kept is bounded, all is counted, and each limit is reported by its name.
func TestFloodsScale(t *testing.T) {
	const (
		n      = 20_000
		conns  = 1 << 15 / 8 // at 64 MiB
		groups = 1 << 15 / 8
		links  = 1 << 13 / 8
		rows   = 1 << 17 / 8
	)
	ping, pong, get := []byte("*1\r\n$4\r\nPING\r\n"), []byte("+PONG\r\n"), []byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")
	for _, c := range []struct {
		name    string
		fill    func(w *wire)
		replies int64
		clients int64
		want    map[string][2]int64 // limit and hits; -1: some
	}{
		{"many sources", func(w *wire) {
			for i := range n {
				w.send(i*50_000, true, tcpPush, 1, 1, ping)
				w.send(i*50_000, false, tcpPush, 1, 1+uint32(len(ping)), pong)
			}
		}, n, n, map[string][2]int64{
			"open connections": {conns, n - conns}, "client groups": {groups, n - groups}, "pairs of client and server": {links, -1},
			"rows of connections": {rows, n - rows},
		}},
		{"one unanswered command each", func(w *wire) {
			for i := range n {
				w.open(i)
				w.send(i, true, tcpPush, 1, 1, get)
			}
		}, 0, 1, map[string][2]int64{
			"open connections": {conns, n - conns}, "rows of connections": {rows, n - rows}, "connections awaiting one server": {1024, -1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire()
			c.fill(w)
			r, peak, finished := watched("analyze", "-q", "-o", "json", "--memory-limit", "64MiB", w.file(t))
			if !finished || r.code != exitIncomplete {
				t.Fatalf("finished %v, exit code %d: %.500s", finished, r.code, r.errout)
			}
			var doc struct {
				Complete bool
				Summary  struct{ Connections, Commands, Replies, Clients int64 }
				Quality  struct{ Bounds []report.Bound }
			}
			if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
				t.Fatal(err)
			}
			if s := doc.Summary; doc.Complete || s.Connections != n || s.Commands != n || s.Replies != c.replies || s.Clients != c.clients {
				t.Errorf("complete %v, %+v", doc.Complete, s)
			}
			for _, b := range doc.Quality.Bounds {
				want, ok := c.want[b.Name]
				if ok && (b.Limit != want[0] || b.Hits != want[1] && (want[1] >= 0 || b.Hits == 0)) || b.Hides == "" {
					t.Errorf("%+v, want limit and hits %v", b, want)
				}
				delete(c.want, b.Name)
			}
			for name := range c.want {
				t.Errorf("%q is not reported", name)
			}
			if peak > 64<<20 {
				t.Errorf("heap of %d MiB", peak>>20)
			}
		})
	}
}

// TestDecompressionBomb unfolds 1:1000 input: the limit is an error that says so, and without it memory stays small.
func TestDecompressionBomb(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bomb.pcap.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire()
	w.open(1)
	body := append([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$512000000\r\n"), make([]byte, 1<<16-200)...)
	for i := range 1 << 11 { // 128 MiB
		w.send(1, true, tcpPush, 1+uint32(i*len(body)), 1, body)
		if _, err := w.WriteTo(z); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		limit string
		code  int
		says  string
	}{{"16MiB", exitIncomplete, "16"}, {"1GiB", exitClean, ""}} {
		r, peak, finished := watched("analyze", "-o", "json", "--allow-empty", "--max-decompressed", tc.limit, path)
		if !finished || r.code != tc.code || !strings.Contains(r.errout, tc.says) {
			t.Errorf("limit %s: finished %v, exit code %d, want %d: %s", tc.limit, finished, r.code, tc.code, r.errout)
		}
		if peak > bombMemory {
			t.Errorf("limit %s: heap of %d MiB", tc.limit, peak>>20)
		}
	}
}

// TestFailureIsExitFour: a connection whose analysis failed makes the exit code 4, unless a finding decides.
func TestFailureIsExitFour(t *testing.T) {
	v := verdictFlags{failOn: "high"}
	if err := v.check(); err != nil {
		t.Fatal(err)
	}
	d := &report.Document{Complete: false, Quality: report.Quality{Failed: 1}}
	if e, ok := v.exit(d).(*exitError); !ok || e.code != exitInternal {
		t.Errorf("%v, want exit code %d", v.exit(d), exitInternal)
	}
}
