package live

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/filter"
	"github.com/respsniff/respsniff/internal/notice"
)

// churnStart is when its first connection begins.
const churnStart = capture.Time(1_700_000_000e9)

// churning is a source of healthy connections that come and go, one after another.
type churning struct {
	written
	every    time.Duration // from the beginning of one to that of the next
	conns    int
	commands int
	hosts    int // addresses that take turns; 0: each connection is of a new one
	stay     int // connections of one address, one after another
	began    func(conn int)

	yield func(capture.Packet, error) bool
	now   capture.Time
	frame int64
	more  bool
}

func (s *churning) Packets(context.Context) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		s.yield, s.more = yield, true
		defer func() { s.yield = nil }() // it holds the run
		start := churnStart
		for i := 0; i < s.conns && s.more; i++ {
			s.began(i)
			s.now = max(s.now, start.Add(time.Duration(i)*s.every))
			s.connection(i)
		}
	}
}

func (s *churning) connection(i int) {
	host := i / max(1, s.stay)
	if s.hosts > 0 {
		host %= s.hosts
	}
	c := &segments{s: s, host: host, port: 20000 + i%40000, next: [2]uint32{uint32(i) * 7919, uint32(i) * 104729}}
	c.send(0, 0x02, "")
	c.send(1, 0x12, "")
	c.send(0, 0x10, "")
	for k := range s.commands {
		c.send(0, 0x18, fmt.Sprintf("*2\r\n$3\r\nGET\r\n$5\r\nk%04d\r\n", k%10000))
		c.send(1, 0x18, fmt.Sprintf("$5\r\nv%04d\r\n", k%10000))
	}
	c.send(0, 0x11, "")
	c.send(1, 0x11, "")
	c.send(0, 0x10, "")
}

// segments makes those of one connection.
type segments struct {
	s          *churning
	host, port int
	next       [2]uint32 // sequence numbers
}

func (c *segments) send(from int, flags byte, text string) {
	const raw = 101 // IP without a link layer
	b := make([]byte, 40+len(text))
	b[0], b[8], b[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	ends, ports := [2][4]byte{{10, byte(c.host >> 16), byte(c.host >> 8), byte(c.host)}, {192, 168, 0, 1}}, [2]uint16{uint16(c.port), 6379}
	copy(b[12:], ends[from][:])
	copy(b[16:], ends[1-from][:])
	binary.BigEndian.PutUint16(b[20:], ports[from])
	binary.BigEndian.PutUint16(b[22:], ports[1-from])
	binary.BigEndian.PutUint32(b[24:], c.next[from])
	binary.BigEndian.PutUint32(b[28:], c.next[1-from])
	b[32], b[33], b[34] = 0x50, flags, 0xff
	copy(b[40:], text)
	c.next[from] += uint32(len(text)) + uint32(flags&1) + uint32(flags>>1&1)
	c.s.now = c.s.now.Add(200 * time.Microsecond)
	c.s.frame++
	if c.s.more = c.s.more && c.s.yield(capture.Packet{Time: c.s.now, Frame: c.s.frame, Length: len(b), Data: b, Link: raw}, nil); !c.s.more {
		return
	}
}

// TestMemoryDoesNotDrift: after three times as much traffic of clients that come and go, a live run holds as much memory as
// before, because what it knows of clients that are gone is forgotten by time, not when a table is full.
func TestMemoryDoesNotDrift(t *testing.T) {
	for name, s := range map[string]*churning{
		"each connection of a new address": {every: 2 * time.Second, conns: 1200, commands: 80},
		"a few hosts that reconnect":       {every: 200 * time.Millisecond, conns: 12000, commands: 2, hosts: 20},
		"ten connections of an address":    {every: 500 * time.Millisecond, conns: 4800, commands: 20, stay: 10},
		"hosts that come back in turns":    {every: time.Second, conns: 2400, commands: 40, hosts: 40},
	} {
		t.Run(name, func(t *testing.T) {
			var held [2]float64
			s.began = func(conn int) {
				for i, at := range []int{s.conns / 3, s.conns - 1} {
					if conn == at {
						var m runtime.MemStats
						runtime.GC()
						runtime.GC() // what finalizers and pools held
						runtime.ReadMemStats(&m)
						held[i] = float64(m.HeapAlloc)
					}
				}
			}
			l := newRun(s, &Options{Memory: 1 << 40, Log: notice.Log{W: io.Discard}, Filter: &filter.Filter{}})
			l.analyse(t.Context(), s.Packets(t.Context()))
			drift := held[1]/held[0] - 1
			t.Logf("%.0f KiB, then %.0f KiB: %+.1f %%; %d connections", held[0]/1024, held[1]/1024, 100*drift, l.analysis.Summary().Connections)
			if drift > 0.03 {
				t.Errorf("%.0f KiB after a third, %.0f KiB at the end: %+.1f %%", held[0]/1024, held[1]/1024, 100*drift)
			}
		})
	}
}

// TestChurnIsCountedWhole: RS205 of a live run has all connections of a client, those that were opened long ago too.
func TestChurnIsCountedWhole(t *testing.T) {
	s := &churning{every: 150 * time.Millisecond, conns: 6000, commands: 2, hosts: 1, began: func(int) {}} // for 15 minutes
	f := &filter.Filter{}
	if err := errors.Join(f.Prepare(time.UTC), f.Begin(churnStart)); err != nil {
		t.Fatal(err)
	}
	l := newRun(s, &Options{Memory: 1 << 40, Log: notice.Log{W: io.Discard}, Filter: f})
	l.analyse(t.Context(), s.Packets(t.Context()))
	for _, f := range l.findings {
		if f.Rule != "RS205" {
			continue
		}
		if text := strings.Join(f.Examples[0].Facts, "\n"); f.Count != s.conns || f.Last.Sub(f.First) < 14*time.Minute ||
			!strings.Contains(text, "34 connections were opened within 5.000000 s from frame 1 on") || !strings.Contains(text, "6000 of 6000 connections carried at most 3 commands; the median of the latest") {
			t.Errorf("%d connections in %s\n%s", f.Count, f.Last.Sub(f.First), text)
		}
		return
	}
	t.Errorf("no RS205: %v", l.findings)
}
