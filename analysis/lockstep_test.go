package analysis

import (
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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

// history is what a run makes of packets: a line for each event, and for each of the first segments the state after it.
// short counts the segments that might take the short way.
func history(packets iter.Seq2[capture.Packet, error], long bool, states int) (lines []string, short int) {
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
	for seg, err := range reassembly.Segments(packets, nil) {
		if err != nil {
			continue
		}
		if s, _ := seg.Conn.Tag.(*Session); s != nil && s.turn != nobodysTurn {
			short++
		}
		r.take(seg)
		if s, _ := seg.Conn.Tag.(*Session); s != nil && seg.End == reassembly.NotEnded && states > 0 {
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
	return short
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
