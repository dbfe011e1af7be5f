package analysis

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// threeConns are three connections that take turns.
const threeConns = `
conn a 10.0.0.1:40001 -> 10.0.0.2:6379
conn b 10.0.0.1:40002 -> 10.0.0.2:6379
conn c 10.0.0.1:40003 -> 10.0.0.2:6379
1.0 repeat 50 every 5ms { a > GET a{i} => $v ; b > GET b{i} => $v ; c > GET c{i} => $v }
`

func segmentsOf(t *testing.T, text string) iter.Seq2[*reassembly.Segment, error] {
	t.Helper()
	s, err := scenario.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return reassembly.Segments(s.Packets(), nil)
}

// texts shows failures without their stacks.
func texts(fs []Failure) (all []string) {
	for _, f := range fs {
		all = append(all, fmt.Sprintf("%s connection %d frame %d: %s", f.Rule, f.Conn, f.Frame, f.Text))
	}
	return all
}

// TestPanicEndsOneConnection breaks one connection's state in the middle of the capture: the others are analysed to
// their end, and the run says what failed.
func TestPanicEndsOneConnection(t *testing.T) {
	seen := 0
	broken := func(yield func(*reassembly.Segment, error) bool) {
		for seg, err := range segmentsOf(t, threeConns) {
			if err == nil && seg.Conn.ID == 2 && seg.Length > 0 {
				if seen++; seen == 20 {
					seg.Conn.Tag.(*Session).run = nil
				}
			}
			if !yield(seg, err) {
				return
			}
		}
	}
	run := NewRun(nil)
	run.KeepConns(bound.Evidence)
	commands := map[int64]int{}
	for e, err := range run.Events(broken) {
		if err != nil {
			t.Fatal(err)
		}
		if x, ok := e.(*pairing.Exchange); ok {
			commands[x.Session.ID]++
		}
	}
	if commands[1] != 50 || commands[3] != 50 || commands[2] >= 50 {
		t.Errorf("exchanges by connection: %v, want 50 of 1 and 3, fewer of 2", commands)
	}
	fs := run.Failures()
	if len(fs) != 1 || run.Summary().Failed != 1 || fs[0].Conn != 2 || fs[0].Frame == 0 || !strings.Contains(fs[0].Text, "nil pointer") {
		t.Errorf("failures %v", texts(fs))
	}
	var ids []int64
	for _, c := range run.Conns() {
		ids = append(ids, c.ID)
		if c.ID == 2 && c.End != "cut" {
			t.Errorf("connection 2 ended as %s, want cut", c.End)
		}
	}
	if !slices.Equal(ids, []int64{1, 2, 3}) {
		t.Errorf("rows of connections %v", ids)
	}
}

// TestPanicOfARule lets a rule fail on an event of one connection: it goes on with the next event.
func TestPanicOfARule(t *testing.T) {
	var seen []int64
	rule := &Detector{ID: "RS000", Name: "test", Begin: func(r *Reporter) Hooks {
		return Hooks{
			Ended: func(e *Ended) {
				if e.Session.ID == 2 {
					var none *Session
					_ = none.Server
				}
				seen = append(seen, e.Session.ID)
			},
			Finish: func(*Run) { _ = seen[len(seen)] },
		}
	}}
	run := NewRun(nil)
	for _, err := range run.Detect(run.Events(segmentsOf(t, threeConns)), []*Detector{rule}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if slices.Sort(seen); !slices.Equal(seen, []int64{1, 3}) {
		t.Errorf("the rule saw the ends of connections %v, want 1 and 3", seen)
	}
	if fs := run.Failures(); len(fs) != 2 || fs[0].Conn != 2 || fs[1].Conn != 0 {
		t.Errorf("failures %v", texts(fs))
	}
}

// TestPanicOfARuleHidesNothingFromOthers: rules behind one that fails on an event see that event.
func TestPanicOfARuleHidesNothingFromOthers(t *testing.T) {
	var ended, odd []int64
	broken := func(id string) *Detector {
		return &Detector{ID: id, Name: "test", Begin: func(*Reporter) Hooks {
			return Hooks{
				Ended: func(*Ended) { panic(id) },
				Error: func(*Answered) { panic(id) },
				Odd:   func(*Answered) { panic(id) },
			}
		}}
	}
	whole := &Detector{ID: "RS002", Name: "test", Begin: func(*Reporter) Hooks {
		return Hooks{
			Ended: func(e *Ended) { ended = append(ended, e.Session.ID) },
			Odd:   func(a *Answered) { odd = append(odd, a.Session.ID) },
		}
	}}
	run := NewRun(nil)
	segments := segmentsOf(t, threeConns+`
3.0 a > GET k => -MOVED 5 10.0.0.9:6379
+1ms a > PING => :5
`)
	for _, err := range run.Detect(run.Events(segments), []*Detector{broken("RS000"), broken("RS001"), whole}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if slices.Sort(ended); !slices.Equal(ended, []int64{1, 2, 3}) || len(odd) == 0 {
		t.Errorf("the last rule saw the ends of connections %v and odd replies of %v", ended, odd)
	}
	if n := run.Summary().Failed; n != 6+4+2 {
		t.Errorf("%d failures, want 6 of ends, 4 of a redirect that is an error and odd, 2 of an odd reply", n)
	}
}

// TestPanicInBegin: a rule that cannot begin is given up, and that is said; the others see everything.
func TestPanicInBegin(t *testing.T) {
	seen := 0
	run := NewRun(nil)
	rules := []*Detector{
		{ID: "RS000", Name: "broken", Begin: func(r *Reporter) Hooks { _ = r.Duration("none"); panic("no such parameter") }},
		{ID: "RS001", Name: "whole", Begin: func(*Reporter) Hooks { return Hooks{Ended: func(*Ended) { seen++ }} }},
	}
	for _, err := range run.Detect(run.Events(segmentsOf(t, threeConns)), rules) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if fs := run.Failures(); seen != 3 || len(fs) != 1 || fs[0].Rule != "RS000" || run.Summary().Failed != 1 {
		t.Errorf("%d ends seen, failures %v", seen, texts(fs))
	}
}

// TestPanicWhileASegmentOfAnotherIsTaken: where too much is kept, the segment of one connection makes the run judge, and close
// the records of, others. One of these fails: that one is given up, and the connection of the segment goes on.
func TestPanicWhileASegmentOfAnotherIsTaken(t *testing.T) {
	run := NewRun(nil)
	run.KeepConns(bound.Evidence)
	var broken *Session
	commands := map[int64]int{}
	for e, err := range run.Events(segmentsOf(t, `
conn a 10.0.0.1:40001 -> 10.0.0.2:6379
conn b 10.0.0.1:40002 -> 10.0.0.2:6379
1.0 a > GET a
+10us b > GET b
1.5 b > GET e
+10ms b < $B | $E
+10us b > FIN
+10us b < FIN
5.0 a > GET d
+10ms a < $A | $D
6.0 repeat 3 every 1ms { a > GET g => $G }
`)) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := e.(type) {
		case *Ended:
			if e.Session.ID == 2 {
				broken = e.Session
			}
		case *Sent:
			if e.Session.ID == 1 && broken != nil {
				run.shared.MaxLog = 1 // everything is judged with the next segment
			}
		case *pairing.Exchange:
			if commands[e.Session.ID]++; e.Session.ID == 2 && broken != nil {
				broken.run = nil
			}
		}
	}
	if fs := run.Failures(); len(fs) != 1 || fs[0].Conn != 2 {
		t.Errorf("failures %v, want one, of connection 2", texts(fs))
	}
	if commands[1] != 5 {
		t.Errorf("%d exchanges of connection 1, want 5", commands[1])
	}
	if all := run.Conns(); len(all) != 2 || all[0].End != "open" || all[1].End != "cut" {
		for _, c := range all {
			t.Errorf("connection %d ended as %s", c.ID, c.End)
		}
	}
}

// threeWaits are three connections with a caller that gave up, of a client about which nothing is known. They go on much
// later.
const threeWaits = `
conn a 10.0.0.1:40001 -> 10.0.0.2:6379
conn b 10.0.0.1:40002 -> 10.0.0.2:6379
conn c 10.0.0.1:40003 -> 10.0.0.2:6379
0.1 repeat 10 every 5ms {
	a > GET x => $X
	b > GET y => $Y
	c > GET z => $Z
}
1.0 a > GET a
+10us b > GET b
+10us c > GET c
1.5 a > GET d
+10us b > GET e
+10us c > GET f
+10ms a < $A | $D
+10us b < $B | $E
+10us c < $C | $F
90.0 repeat 3 every 1ms {
	a > GET g => $G
	b > GET h => $H
	c > GET i => $I
}
91.0 a > FIN
+10us b > FIN
+10us c > FIN
+1ms a < FIN
+10us b < FIN
+10us c < FIN
`

// TestPanicInATick breaks the state of one connection while it waits to be judged, and lets a rule fail on what the tick
// judges of another one: both are failures, and the run goes on.
func TestPanicInATick(t *testing.T) {
	run := NewRun(&Options{Live: true, Policies: map[netip.Addr]client.Policy{netip.MustParseAddr("10.0.0.1"): client.PolicyLockstep}})
	run.KeepConns(bound.Evidence)
	ticked, inTick := false, false
	open, commands, judged := map[int64]*Session{}, map[int64]int{}, map[int64]int{}
	segments := func(yield func(*reassembly.Segment, error) bool) {
		var began capture.Time
		for seg, err := range segmentsOf(t, threeWaits) {
			if err != nil {
				t.Fatal(err)
			}
			if began = cmp.Or(began, seg.Time); !ticked && seg.Time.Sub(began) > time.Minute {
				ticked, inTick = true, true
				if len(open) != 3 || commands[1] > 10 || judged[1] > 0 {
					t.Errorf("%d connections are open, want 3; %d of the commands of the first have a verdict, want 10 at most", len(open), commands[1])
				}
				open[2].reader.Judging = nil
				run.Tick(seg.Time - 1)
				inTick = false
				if n := run.Summary().Failed; n != 2 {
					t.Errorf("%d failures in the tick, want 2", n)
				}
			}
			if !yield(seg, nil) {
				return
			}
		}
	}
	rule := &Detector{ID: "RS000", Name: "test", Begin: func(*Reporter) Hooks {
		return Hooks{Troubled: func(ex *pairing.Exchange) {
			if judged[ex.Session.ID]++; inTick && ex.Session.ID == 1 {
				panic("a fault of the rule")
			}
		}}
	}}
	events := func(yield func(pairing.Event, error) bool) {
		for e, err := range run.Events(segments) {
			switch x := e.(type) {
			case *Opened:
				open[x.Session.ID] = x.Session
			case *pairing.Exchange:
				commands[x.Session.ID]++
			}
			if !yield(e, err) {
				return
			}
		}
	}
	for _, err := range run.Detect(events, []*Detector{rule}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if commands[1] != 15 || commands[3] != 15 || commands[2] >= 15 || judged[3] == 0 {
		t.Errorf("exchanges by connection: %v, judged: %v, want 15 of 1 and 3, fewer of 2", commands, judged)
	}
	fs := run.Failures()
	if len(fs) != 2 || fs[0].Conn != 1 || fs[1].Conn != 2 || !strings.Contains(fs[1].Text, "nil pointer") {
		t.Errorf("failures %v", texts(fs))
	}
	if all := run.Conns(); len(all) != 3 || all[0].End != "fin" || all[1].End != "cut" || all[2].End != "fin" {
		for _, c := range all {
			t.Errorf("connection %d ended as %s", c.ID, c.End)
		}
	}
}

// TestPanicOfTheConsumerPasses: what panics in the loop over the events is the caller's.
func TestPanicOfTheConsumerPasses(t *testing.T) {
	run := NewRun(nil)
	defer func() {
		if cause := recover(); cause != "mine" {
			t.Errorf("recovered %v, want the consumer's own panic", cause)
		}
		if n := run.Summary().Failed; n != 0 {
			t.Errorf("%d failures counted", n)
		}
	}()
	for range run.Events(segmentsOf(t, threeConns)) {
		panic("mine")
	}
}

// TestFailuresAreBounded: every connection fails; details are kept of the first.
func TestFailuresAreBounded(t *testing.T) {
	run := NewRun(nil)
	segments := func(yield func(*reassembly.Segment, error) bool) {
		for id := range int64(100) {
			c := &reassembly.Conn{ID: id + 1, Tag: &Session{}}
			for frame := range int64(3) {
				if !yield(&reassembly.Segment{Conn: c, Frame: frame + 1, Time: capture.Time(1), Length: 1}, nil) {
					return
				}
			}
		}
	}
	for range run.Events(segments) {
	}
	if n := run.Summary().Failed; n != 100 || len(run.Failures()) != maxFailures {
		t.Errorf("%d failed, %d kept; want 100 and %d", n, len(run.Failures()), maxFailures)
	}
}

// TestResumedRunKeepsFailures: those of the run before stay, with their details.
func TestResumedRunKeepsFailures(t *testing.T) {
	before := NewRun(nil)
	before.failures.add(Failure{Conn: 7}, "text")
	after := NewRun(nil)
	after.Resume(before)
	after.failures.add(Failure{Conn: 9}, "text")
	if fs := after.Failures(); len(fs) != 2 || fs[0].Conn != 7 || fs[1].Conn != 9 || after.Summary().Failed != 2 {
		t.Errorf("failures %v, %d in all", texts(fs), after.Summary().Failed)
	}
}

// TestReplicationBeginsInsideTheReplyBuffer: a reply that is released from the buffer, by an alignment or in order, begins a
// replication stream: nothing is pending any more for those behind it.
func TestReplicationBeginsInsideTheReplyBuffer(t *testing.T) {
	const conn = "conn c 10.0.0.1:40001 -> 10.0.0.2:6379\n"
	const resync = "+FULLRESYNC 8371445ee67cf9c1c3a1ab1f7f4a7d3fb2a0a1d5 0"
	for name, text := range map[string]string{
		"aligned":  "1.0 c > GET a | AUTH x | PSYNC ? -1 | PING | PING\n+1ms c < $A | " + resync + " | +PONG | +PONG\n+1s c > PING\n",
		"in order": "1.0 c > GET a | PSYNC ? -1 | GET b | GET d\n+1ms c < :1 | " + resync + " | $b | $d\n+1ms c > FIN\n+1ms c < FIN\n",
	} {
		run := NewRun(nil)
		for _, err := range run.Events(segmentsOf(t, conn+text)) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if s := run.Summary(); s.Failed != 0 || s.Replication != 1 {
			t.Errorf("%s: %v, %d replication streams", name, texts(run.Failures()), s.Replication)
		}
	}
}
