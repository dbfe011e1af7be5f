package reader

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// caller is one caller at a time on one connection; each reply is 10 bytes and is read before the next command.
type caller struct {
	c   *Conn
	now capture.Time
	n   int64
	// soon says that the reply before was not there yet when the command was written, and came with its own.
	soon bool
}

func newCaller(r *Reader, id int64) *caller {
	return &caller{c: r.Open(id, netip.MustParseAddr("10.0.0.1"), false), now: capture.Time(1e18)}
}

// call is answered after wait; the next one follows think later.
func (x *caller) call(wait, think time.Duration) {
	n := x.n
	x.n++
	ack := 10 * n
	if x.soon {
		ack -= 10
	}
	x.c.Acked(x.now, ack)
	x.c.Sent(&Command{Index: int32(n + 1), Flags: Awaited, Time: x.now, EndTime: x.now, Start: 20 * n, End: 20*n + 20, Ack: ack})
	x.now += capture.Time(wait)
	if x.soon {
		x.c.Answered(&Reply{Index: int32(n), Time: x.now, Start: 10*n - 10, End: 10 * n, Type: inference.Bulk})
	}
	x.soon = false
	x.c.Answered(&Reply{Index: int32(n + 1), Time: x.now, Start: 10 * n, End: 10*n + 10, Type: inference.Bulk})
	x.now += capture.Time(think)
}

// overtake is a call that is given up after wait.
func (x *caller) overtake(wait time.Duration) {
	n := x.n
	x.n++
	x.c.Acked(x.now, 10*n)
	x.c.Sent(&Command{Index: int32(n + 1), Flags: Awaited, Time: x.now, EndTime: x.now, Start: 20 * n, End: 20*n + 20, Ack: 10 * n})
	x.now += capture.Time(wait)
	x.soon = true
}

const ms = time.Millisecond

// A write is settled when the next one comes, and nothing is allocated for it.
func TestQuietWritesSettleAtOnce(t *testing.T) {
	var told []int32
	r := New(Options{Settled: func(_ *Conn, upTo int32, w Word) {
		if w != Strong {
			t.Errorf("#%d: %v", upTo, w)
		}
		told = append(told, upTo)
	}}, func(v *Verdict) {
		if !v.Ended || !v.Quiet || len(v.Rows) > 0 || v.Last != 60 {
			t.Errorf("%+v", v)
		}
	})
	x := newCaller(r, 1)
	x.c.Belongs(Key{})
	for range 60 {
		x.call(ms/10, 2*ms)
		if n := x.n - 1; n > 40 && told[len(told)-1] != int32(n) {
			t.Fatalf("after #%d only #%d is settled", n, told[len(told)-1])
		}
	}
	x.c.End(x.now)
	if told[len(told)-1] != 60 || !slices.IsSorted(told) {
		t.Errorf("settled: %v", told)
	}
}

func TestQuietWritesAllocateNothing(t *testing.T) {
	n := 0
	r := New(Options{Settled: func(*Conn, int32, Word) { n++ }}, func(*Verdict) {})
	x := newCaller(r, 1)
	x.c.Belongs(Key{})
	for range 10000 {
		x.call(ms/10, 2*ms)
	}
	before := n
	if a := testing.AllocsPerRun(5000, func() { x.call(ms/10, 2*ms) }); a != 0 {
		t.Errorf("%v allocations a command", a)
	}
	if n-before != 5001 {
		t.Errorf("%d settled of 5001", n-before)
	}
}

// What is counted write by write is what a view of all of them counts.
func TestQuietCountsAreThoseOfAView(t *testing.T) {
	run := func(late bool) *population {
		r := New(Options{}, func(*Verdict) {})
		x := newCaller(r, 1)
		if !late {
			x.c.Belongs(Key{})
		}
		for i := range 300 {
			x.call(ms/10+time.Duration(i%7)*20*time.Microsecond, ms*time.Duration(1+i%11))
		}
		x.c.Belongs(Key{}) // settles nothing before
		x.c.End(x.now)
		return r.reg.pops[Key{}]
	}
	a, b := run(false), run(true)
	if !reflect.DeepEqual(a.level, b.level) {
		t.Errorf("level differs:\n%v\n%v", a.level, b.level)
	}
	if a.levelWaits.n != b.levelWaits.n || a.allWaits.n != b.allWaits.n || a.sizes != b.sizes || a.low != b.low {
		t.Errorf("%d and %d waits, %v and %v", a.levelWaits.n, b.levelWaits.n, a.sizes, b.sizes)
	}
}

// A slow reply is kept until enough has followed it; one that nobody waited for stays until the connection is judged.
func TestDoubtsAreKept(t *testing.T) {
	last := int32(0)
	r := New(Options{Settled: func(_ *Conn, upTo int32, _ Word) { last = upTo }}, func(*Verdict) {})
	x := newCaller(r, 1)
	x.c.Belongs(Key{})
	for range 50 {
		x.call(ms/10, 2*ms)
	}
	x.call(50*ms, 2*ms)
	for range maxSlow {
		x.call(ms/10, 2*ms)
		if last > 50 {
			t.Fatal("a slow reply settled at once")
		}
	}
	for range 3 {
		x.call(ms/10, 2*ms)
	}
	if last != int32(x.n)-1 {
		t.Errorf("settled up to #%d of %d", last, x.n)
	}
	x.overtake(30 * ms)
	for range 300 {
		x.call(ms/10, 2*ms)
	}
	if last >= int32(x.n)-300 || len(x.c.writes) < 300 {
		t.Errorf("settled up to #%d of %d, %d writes kept", last, x.n, len(x.c.writes))
	}
}

// However many connections there are, settled writes are kept only while there is room.
func TestRoomForSettledWrites(t *testing.T) {
	r := New(Options{}, func(*Verdict) {})
	var all []*caller
	for i := range int64(4000) {
		x := newCaller(r, i+1)
		x.c.Belongs(Key{})
		all = append(all, x)
	}
	for range 40 {
		for _, x := range all {
			x.call(ms/10, 2*ms)
		}
	}
	if r.kept > roomForLevel || r.early.Hits > 0 {
		t.Errorf("%d kept, judged early %d times", r.kept, r.early.Hits)
	}
	if n := len(all[3999].c.writes); n > 2 {
		t.Errorf("%d writes of the last connection", n)
	}
}

// A live capture is judged while its connections are open, and each command once.
func TestTickJudgesOldDoubts(t *testing.T) {
	rows, told, verdicts := map[int32]int{}, int32(0), 0
	r := New(Options{Settled: func(_ *Conn, upTo int32, _ Word) {
		for ; told < upTo; told++ {
			rows[told+1]++
		}
	}}, func(v *Verdict) {
		verdicts++
		for _, x := range v.Rows {
			rows[x.Index]++
		}
		told = v.Last
		if v.Conn.Tag != "mine" {
			t.Errorf("tag %v", v.Conn.Tag)
		}
	})
	x := newCaller(r, 1)
	x.c.Tag = "mine"
	x.c.Belongs(Key{})
	for i := range 2000 {
		x.call(ms/10, 30*ms)
		if i == 500 {
			x.overtake(300 * ms)
		}
		r.Tick(x.now)
	}
	if verdicts == 0 || told < 600 {
		t.Errorf("%d verdicts, told of %d commands", verdicts, told)
	}
	x.c.End(x.now)
	r.Finish(x.now)
	for i := range int32(x.n) {
		if rows[i+1] != 1 {
			t.Fatalf("#%d: %d rows", i+1, rows[i+1])
		}
	}
}

func TestOutcomes(t *testing.T) {
	v := &view{own: []int32{0, -1, 2}, c: &Conn{}, View: inference.View{At: []float64{0, 1, 2}, End: []int64{10, 20, 30}, Command: []int32{1, 0, 3}, Vague: make([]bool, 3)}}
	c := &fitted{v: v, gain: 10}
	c.post[client.Keeps] = 1
	write, end := &inference.Step{What: inference.NextWrite}, &inference.Step{What: inference.NextNothing}
	for _, x := range []struct {
		name string
		list []inference.Candidate
		st   *inference.Step
		gain float64
		want Row
	}{
		{"another's", []inference.Candidate{{Reply: 0, Weight: 0.98, Unread: 0.98}, {Reply: 2, Weight: 0.01, Unread: 0}}, write, 10, Row{Reply: 1, Got: Read, Word: Strong}},
		{"its own", []inference.Candidate{{Reply: 2, Weight: 0.98, Unread: 0.98}}, write, 0, Row{Reply: 3, Got: Read, Word: Strong}},
		{"from before", []inference.Candidate{{Reply: -1, Weight: 0.9, Unread: 0.9}}, write, 10, Row{Got: Before, Word: Likely}},
		{"unasked", []inference.Candidate{{Reply: 1, Weight: 0.9, Unread: 0.9}}, write, 10, Row{Got: Extra, Word: Likely}},
		{"none", []inference.Candidate{{Reply: 2, Weight: 0.01, Unread: 0}}, write, 10, Row{Got: Nothing, Word: Strong}},
		{"none, without evidence", []inference.Candidate{{Reply: 2, Weight: 0.01, Unread: 0}}, write, 0, Row{Got: Nothing, Word: Possible}},
		{"closed before it came", nil, &inference.Step{What: inference.NextClose}, 0, Row{Got: Nothing, Word: Strong}},
		{"it may wait still", nil, end, 10, Row{}},
		{"nothing explains it", []inference.Candidate{{Reply: inference.Unexplained, Weight: 0.99, Unread: 0}, {Reply: 2, Weight: 0.01, Unread: 0}}, write, 10, Row{Got: Read, Reply: 3}},
	} {
		var row Row
		c.gain = x.gain
		c.got(&row, x.list, 2, x.st, 0, &population{shown: shown{each: inf}})
		row.Posterior = 0
		if row != x.want {
			t.Errorf("%s: %+v", x.name, row)
		}
	}
}

func TestHabitsAtAnyTime(t *testing.T) {
	w := worlds[1]
	w.kind = client.Keeps
	var r *Reader
	w.watch = func(x *Reader) { r = x }
	w.run(t)
	h := r.Habits(Key{Client: netip.MustParseAddr("10.0.0.1")})
	if h == nil || len(h.Timeouts) == 0 || h.GiveUps < 10 || h.Usual < 0.025 || h.Usual > 0.04 {
		t.Fatalf("%+v", h)
	}
	if x := h.Timeouts[0]; x.Set < 0.15 || x.Set > 0.155 || x.Low < x.Set || x.High < x.Low || x.High > 0.17 || h.Cancels() {
		t.Errorf("timeout of 150 ms: %+v", x)
	}
	if h.Slope < 0 || h.Slope > 0.3 {
		t.Errorf("%.2f of the give-ups are not by a timeout", h.Slope)
	}
	if r.Habits(Key{SetUp: 1}) != nil {
		t.Error("habits of nobody")
	}
	r = New(Options{}, func(*Verdict) {})
	x := newCaller(r, 1)
	x.c.Belongs(Key{})
	for range 100 {
		x.call(ms/10, 2*ms)
	}
	if h := r.Habits(Key{}); h.Usual < 0.00009 || h.Usual > 0.00011 || h.Think < 0.0015 || h.Think > 0.0025 {
		t.Errorf("before any judgement: %+v", h)
	}
}

func BenchmarkQuiet(b *testing.B) {
	r := New(Options{Settled: func(*Conn, int32, Word) {}}, func(*Verdict) {})
	x := newCaller(r, 1)
	x.c.Belongs(Key{})
	b.ReportAllocs()
	for range b.N {
		x.call(ms/10, 2*ms)
	}
}
