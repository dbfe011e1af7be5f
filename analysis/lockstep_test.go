package analysis

import (
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

var (
	address = regexp.MustCompile(`0x[0-9a-f]{6,}`)
	text    = regexp.MustCompile(`buf:\[[0-9 ]*\]`) // with what was there before, behind its end
)

// shown is all that is kept of an exchange, but what its record held before.
func shown(ex *Exchange) string {
	if ex == nil {
		return "none"
	}
	x := *ex
	for _, t := range []*Snippet{&x.Name, &x.Key, &x.Serves.Text} {
		clear(t.buf[t.n:])
	}
	return fmt.Sprintf("%s %+v", ex.CommandName(), x)
}

// stateOf is all that is known of a connection, of its kind, and of its server.
func stateOf(s *Session) string {
	var b strings.Builder
	x := *s
	for _, q := range []*queue{&x.pending, &x.log, &x.unread} {
		for _, ex := range q.rest() {
			b.WriteString(shown(ex))
		}
		b.WriteString(" | ")
		*q = queue{}
	}
	fmt.Fprintf(&b, "prev %s ", shown(x.prev.ex))
	if g := x.group; g != nil {
		fmt.Fprintf(&b, "group %+v of %+v ", *g, *g.pop)
	}
	if l := x.facts.link; l != nil {
		fmt.Fprintf(&b, "link %+v %+v ", *l, *l.peer)
	}
	if n := x.topo.node; n != nil {
		fmt.Fprintf(&b, "node %+v ", *n)
	}
	x.turn = nobodysTurn
	fmt.Fprintf(&b, "%+v", x)
	return address.ReplaceAllString(b.String(), "*")
}

// history is what a run makes of packets: a line for each event, and the state after every fourth of the first segments.
// short counts the segments that might take the short way.
func history(packets iter.Seq2[capture.Packet, error], long bool, states int) (lines []string, short int) {
	return historyOf(func(yield func(*reassembly.Segment) bool) {
		for seg, err := range reassembly.Segments(packets, nil) {
			if err == nil && !yield(seg) {
				return
			}
		}
	}, long, states)
}

func historyOf(segments iter.Seq[*reassembly.Segment], long bool, states int) (lines []string, short int) {
	r := NewRun(nil)
	r.longWay = long
	r.KeepConns()
	whole := 10 * states // events told with all that they hold
	r.yield = func(e Event, _ error) bool {
		line := fmt.Sprintf("%T", e)
		if ex, ok := e.(*Exchange); ok && len(lines) > whole {
			lines = append(lines, fmt.Sprintln(ex.Session.ID, ex.Index, ex.Belief, ex.Flags, ex.Owed, ex.Serves.Frame, ex.AckedFrame, ex.Batch))
			return true
		} else if _, trouble := e.(*Desync); len(lines) > whole && !trouble {
			lines = append(lines, line)
			return true
		}
		switch e := e.(type) {
		case *Exchange:
			line += shown(e)
		case *Sent:
			line += shown(e.Exchange) + fmt.Sprintf("%q %d", e.Request.Args[0].Bytes, e.Request.NArgs)
		case *Answered:
			line += shown(e.Exchange) + fmt.Sprintf("%v %d %q %q", e.Reply.Kind, e.Reply.N, e.Reply.Text, e.Contradiction)
		case *WaitEnded:
			line += shown(e.Exchange) + fmt.Sprintf("%v %v %d", e.Gap, e.How, e.Frame)
		case *Desync:
			line += text.ReplaceAllString(fmt.Sprintf("%d %v %d %+v", e.Conn, e.Stance, e.NVictims, e.Abandoned), "")
		case *ConnSummary:
			line += fmt.Sprintf("%+v", *e)
		}
		lines = append(lines, address.ReplaceAllString(line, "*"))
		return true
	}
	for seg := range segments {
		if s, _ := seg.Conn.Tag.(*Session); s != nil && s.turn != nobodysTurn {
			short++
		}
		r.take(seg)
		if s, _ := seg.Conn.Tag.(*Session); s != nil && seg.End == reassembly.NotEnded && states > 0 && seg.Frame%4 == 0 {
			states--
			lines = append(lines, fmt.Sprintf("frame %d: %s", seg.Frame, stateOf(s)))
		}
	}
	r.finish()
	return append(lines, fmt.Sprintf("%+v %+v", r.Summary(), r.Failures())), short
}

// compareWays fails where the short way leaves anything other than the long way does.
func compareWays(t *testing.T, name string, packets func() iter.Seq2[capture.Packet, error], states int) (short int) {
	t.Helper()
	want, _ := history(packets(), true, states)
	got, short := history(packets(), false, states)
	sameLines(t, name, want, got)
	return short
}

func sameLines(t *testing.T, name string, want, got []string) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		if i < len(want) && i < len(got) && want[i] == got[i] {
			continue
		}
		from := 0
		if i < len(want) && i < len(got) {
			for from < min(len(want[i]), len(got[i])) && want[i][from] == got[i][from] {
				from++
			}
		}
		cut := func(lines []string) string {
			if i >= len(lines) {
				return "nothing"
			}
			return lines[i][max(0, from-200):min(len(lines[i]), from+100)]
		}
		t.Fatalf("%s: line %d of %d and %d\nlong  … %s\nshort … %s", name, i, len(want), len(got), cut(want), cut(got))
	}
}

// TestShortWayIsTheLongWay: after every segment the same is known, and the same is told, whichever way commands took: in
// all scenarios, whole, with packets missing, and begun late, and in real captures.
func TestShortWayIsTheLongWay(t *testing.T) {
	short, scenarios := 0, 0
	err := filepath.WalkDir(filepath.Join("..", "testdata", "scenarios"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s, err := scenario.Parse(path, raw)
		if err != nil {
			return err
		}
		list := s.List()
		list = list[:min(len(list), 1000)]
		without := func(lost func(int) bool) func() iter.Seq2[capture.Packet, error] {
			return func() iter.Seq2[capture.Packet, error] {
				return func(yield func(capture.Packet, error) bool) {
					for i, p := range list {
						if !lost(i) && !yield(p, nil) {
							return
						}
					}
				}
			}
		}
		short += compareWays(t, path, without(func(int) bool { return false }), 25)
		at := 1 + scenarios*7%len(list)
		if scenarios++; scenarios%2 == 0 {
			compareWays(t, fmt.Sprintf("%s without packet %d", path, at), without(func(i int) bool { return i == at }), 25)
		} else {
			compareWays(t, fmt.Sprintf("%s from packet %d on", path, at), without(func(i int) bool { return i < at }), 25)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join("..", "testdata", "captures", "*.pcap.gz"))
	if err != nil || len(names) < 30 {
		t.Fatalf("%d captures, %v", len(names), err)
	}
	for _, name := range names {
		name = strings.TrimSuffix(filepath.Base(name), ".gz")
		file := testcap.Path(t, name)
		packets := func() iter.Seq2[capture.Packet, error] {
			src, err := capture.Open([]string{file}, capture.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { src.Close() })
			return src.Packets()
		}
		short += compareWays(t, name, packets, 100)
	}
	if short < 100_000 {
		t.Errorf("only %d segments might take the short way", short)
	}
}

// quirks is a connection of ordinary commands on which something else happens now and then, made of segments directly so
// that also what no TCP would send comes by.
func quirks(seed uint64) func(yield func(*reassembly.Segment) bool) {
	requests := []string{
		"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nvv\r\n", "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n", "*1\r\n$4\r\nPING\r\n", "PING\r\n",
		"*1\r\n$5\r\nMULTI\r\n", "*1\r\n$4\r\nEXEC\r\n", "*1\r\n$4\r\nQUIT\r\n", "*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n", "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n",
		"*2\r\n$3\r\nFOO\r\n$1\r\nx\r\n", "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGET\r\n$1\r\nm\r\n",
		"*2\r\n$3\r\nGE", "*1\r\n$4\r\nINFO\r\n", "*1\r\n$6\r\nASKING\r\n", "*1\r\n$7\r\nMONITOR\r\n",
	}
	replies := []string{
		"$2\r\nvv\r\n", "+OK\r\n", ":7\r\n", "$-1\r\n", "+PONG\r\n", "-MOVED 12706 10.0.0.9:6379\r\n", "-ERR no\r\n", "*0\r\n", "+QUEUED\r\n",
		"$2\r\nvv\r\n:8\r\n", "$2\r\nv", "v\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
	}
	return func(yield func(*reassembly.Segment) bool) {
		r := rand.New(rand.NewPCG(seed, 12))
		ends := [2]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:6379")}
		c := &reassembly.Conn{ID: 1, Ends: ends, Start: reassembly.Start(seed % 2)}
		var sent [2]int64
		acked := [2]int64{reassembly.NoAck, reassembly.NoAck} // by the other side
		at, ts := capture.Time(1e18), uint32(100)
		for frame := int64(1); frame < 120; frame++ {
			odd := r.IntN(16) == 0 && frame > 8
			from := reassembly.Side((frame + 1) % 2)
			if odd && r.IntN(3) == 0 {
				from = from.Other()
			}
			step := time.Duration(20+r.IntN(400)) * time.Microsecond
			if odd && r.IntN(3) == 0 {
				step = []time.Duration{-time.Millisecond, 0, 9 * time.Millisecond, 25 * time.Millisecond, 150 * time.Millisecond, 2 * time.Second, 40 * time.Second}[r.IntN(7)]
			}
			at, ts = at.Add(step), ts+uint32(r.IntN(2))
			kind := r.IntN(3)
			text := requests[kind]
			if odd && r.IntN(3) == 0 {
				kind = r.IntN(len(requests))
				text = requests[kind]
			}
			if from == reassembly.B {
				// The usual reply is one that the command may have: 0 to 2 belong together.
				if text = replies[1]; odd && r.IntN(2) == 0 {
					text = replies[r.IntN(len(replies))]
				}
			} else if !odd {
				text = requests[1]
			}
			acked[from] = sent[from.Other()]
			seg := &reassembly.Segment{
				Conn: c, From: from, Flags: reassembly.ACK, Time: at, Frame: frame, Offset: sent[from], Length: len(text), Payload: []byte(text),
				Ack: acked[from], Window: 500, TTL: 64, HasTS: seed%3 > 0, TSVal: ts, TSEcr: ts - uint32(r.IntN(2)),
			}
			if odd {
				switch r.IntN(14) {
				case 0:
					seg.Flags |= reassembly.FIN
				case 1:
					seg.Flags |= reassembly.RST
				case 2:
					seg.Ack -= int64(r.IntN(30))
				case 3:
					seg.Ack = reassembly.NoAck
				case 4:
					seg.Missing = 1 + r.Int64N(20)
					seg.Offset += seg.Missing
				case 5:
					seg.Payload = seg.Payload[:r.IntN(len(seg.Payload))]
				case 6:
					seg.Late = true
				case 7:
					seg.Window = 0
				case 8:
					seg.Repeated, seg.Length, seg.Payload = len(text), 0, nil
				case 9:
					seg.Length, seg.Payload = 0, nil
				case 10:
					seg.TSEcr += 5
				}
			}
			seg.Flags |= reassembly.PSH
			sent[from] = max(sent[from], seg.Offset+int64(seg.Length))
			c.Sides[from].Seen = true
			c.Sides[from].Bytes += int64(seg.Length)
			c.Sides[from].Lost += seg.Missing
			if !yield(seg) {
				return
			}
		}
		yield(&reassembly.Segment{Conn: c, End: reassembly.EndCapture, Time: at, Ack: reassembly.NoAck})
	}
}

// TestShortWayWithQuirks: the ways agree also where every other command is interrupted by something.
func TestShortWayWithQuirks(t *testing.T) {
	short := 0
	for seed := range uint64(200) {
		want, _ := historyOf(quirks(seed), true, 120)
		got, n := historyOf(quirks(seed), false, 120)
		sameLines(t, fmt.Sprintf("seed %d", seed), want, got)
		short += n
	}
	if short < 2_500 {
		t.Errorf("only %d segments might take the short way", short)
	}
}
