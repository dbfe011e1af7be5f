package reader

import (
	"cmp"
	"math"
	"math/rand"
	"net/netip"
	"slices"
	"testing"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// sim is a written world: clients of one kind, a server that stands still now and then, and what each caller really read.
type sim struct {
	kind     client.Kind
	callers  int                      // that share a connection; 0: six
	thinks   func(*rand.Rand) float64 // s; nil: 5 to 55 ms
	conns    int
	calls    int     // on each connection
	rtt      float64 // s
	timeout  float64 // s; 0: none
	stalls   float64 // s between them on average; 0: never
	healthy  float64 // s before the first
	shortest float64 // of the stalls, s; 0: 100 ms
	seed     int64
	rng      *rand.Rand
	stall    [][2]float64
	events   []simEvent
	truth    map[int64][]int // by connection: of each command, the index whose reply its caller read; 0: none
	next     int64
	watch    func(*Reader)
	hurry    int // events after which all are judged early, each time; 0: never
}

type simEvent struct {
	t  float64
	do func()
}

const simZero = capture.Time(1e18)

func at(t float64) capture.Time { return simZero.Add(0) + capture.Time(t*1e9) }

// served returns when the client has the reply to a command written at t.
func (s *sim) served(t float64) float64 {
	in := t + s.rtt/2
	for _, x := range s.stall {
		if in >= x[0] && in < x[1] {
			in = x[1]
		}
	}
	return in + 0.0001 + 0.00005*s.rng.Float64() + s.rtt/2
}

func (s *sim) think() float64 {
	if s.thinks != nil {
		return s.thinks(s.rng)
	}
	return 0.005 + 0.05*s.rng.Float64()
}

// run plays the world and returns the reader's rows.
func (s *sim) run(t *testing.T) map[int64][]Row {
	t.Helper()
	s.rng = rand.New(rand.NewSource(s.seed + 7))
	s.truth = map[int64][]int{}
	for x := s.healthy; s.stalls > 0 && x < 1000; {
		x += s.stalls * (0.5 + s.rng.Float64())
		s.stall = append(s.stall, [2]float64{x, x + s.least() + (0.5-s.least())*s.rng.Float64()})
	}
	rows := map[int64][]Row{}
	told := map[*Conn]int32{}
	settled := func(c *Conn, upTo int32, w Word) {
		for i := told[c] + 1; i <= upTo; i++ {
			rows[c.ID] = append(rows[c.ID], Row{Index: i, Reply: i, Got: Read, Word: w})
		}
		told[c] = upTo
	}
	r := New(Options{Settled: settled}, func(v *Verdict) {
		told[v.Conn] = max(told[v.Conn], v.Last)
		rows[v.Conn.ID] = append(rows[v.Conn.ID], slices.Clone(v.Rows)...)
	})
	if s.watch != nil {
		s.watch(r)
	}
	for range s.conns {
		if s.kind == client.Shares {
			s.shared(r)
		} else {
			s.caller(r, 0.01*s.rng.Float64(), s.calls)
		}
	}
	slices.SortStableFunc(s.events, func(a, b simEvent) int { return cmp.Compare(a.t, b.t) })
	for i, e := range s.events {
		e.do()
		if s.hurry > 0 && i%s.hurry == s.hurry-1 {
			r.relieve()
		}
	}
	r.Finish(at(s.events[len(s.events)-1].t + 1))
	return rows
}

func (s *sim) on(t float64, do func()) { s.events = append(s.events, simEvent{t, do}) }

// link is one connection of the world.
type link struct {
	s    *sim
	r    *Reader
	id   int64
	c    *Conn
	come []float64 // when each reply is there
	n    int
}

func (s *sim) open(r *Reader, t float64) *link {
	s.next++
	l := &link{s: s, r: r, id: s.next}
	s.on(t, func() {
		l.c = r.Open(l.id, netip.MustParseAddr("10.0.0.1"), false)
		l.c.Belongs(Key{Client: netip.MustParseAddr("10.0.0.1")})
	})
	return l
}

// write writes a command at t. Each reply is 10 bytes.
func (l *link) write(t float64) int {
	l.n++
	n := l.n
	d := l.s.served(t)
	if n > 1 {
		d = max(d, l.come[n-2]+1e-6)
	}
	l.come = append(l.come, d)
	ack := int64(0)
	for _, x := range l.come {
		if x <= t {
			ack += 10
		}
	}
	l.s.on(t, func() {
		l.c.Acked(at(t), ack)
		l.c.Sent(&Command{Index: int32(n), Flags: Awaited, Time: at(t), EndTime: at(t), Start: int64(20 * (n - 1)), End: int64(20 * n), Ack: ack})
	})
	l.s.on(d, func() {
		l.c.Answered(&Reply{Index: int32(n), Time: at(d), Start: int64(10 * (n - 1)), End: int64(10 * n), Type: inference.Bulk})
	})
	l.s.truth[l.id] = append(l.s.truth[l.id], 0)
	return n
}

func (l *link) close(t float64) {
	ack := int64(0)
	for _, x := range l.come {
		if x <= t {
			ack += 10
		}
	}
	l.s.on(t, func() { l.c.Closed(&Ending{Time: at(t), ByClient: true, Ack: ack}) })
	l.s.on(t+1e-6, func() { l.c.End(at(t)) })
	for i := range l.come { // what has not come by then never does
		if l.come[i] > t {
			l.come[i] = math.Inf(1)
		}
	}
}

// caller plays one caller at a time on a connection, and opens another one where it is closed.
func (s *sim) caller(r *Reader, t float64, calls int) {
	l := s.open(r, t)
	t += 0.001
	read := 0 // replies taken from the stream
	for range calls {
		if s.kind == client.Checks && read < l.n && l.come[read] <= t {
			l.close(t)
			l = s.open(r, t+0.0005)
			read = 0
			t += 0.001
		}
		if s.kind == client.Forgets {
			for read < l.n && l.come[read] <= t {
				read++
			}
		}
		n := l.write(t)
		takes := read + 1
		if s.kind == client.Discards || s.kind == client.Closes {
			takes = n
		}
		d := max(t, l.come[takes-1])
		if s.timeout > 0 && d-t > s.timeout {
			t += s.timeout + 0.0003 + 0.001*s.rng.Float64()
			if s.kind == client.Closes {
				l.close(t)
				l = s.open(r, t+0.0005)
				read = 0
				t += 0.001
			}
			continue
		}
		s.truth[l.id][n-1] = takes
		read = takes
		t = d + s.think()
	}
	end := t + 2
	s.on(end, func() { l.c.End(at(end)) })
}

// least is the length of the shortest stall of the server, s.
func (s *sim) least() float64 {
	if s.shortest > 0 {
		return s.shortest
	}
	return 0.1
}

// shared plays several callers on one connection.
func (s *sim) shared(r *Reader) {
	l := s.open(r, 0)
	type caller struct{ t float64 }
	n := s.callers
	if n == 0 {
		n = 6
	}
	cs := make([]caller, n)
	for i := range cs {
		cs[i].t = 0.001 + s.think()
	}
	for range s.calls {
		c := &cs[0]
		for i := range cs {
			if cs[i].t < c.t {
				c = &cs[i]
			}
		}
		n := l.write(c.t)
		if d := l.come[n-1]; s.timeout > 0 && d-c.t > s.timeout {
			c.t += s.timeout + s.think()
		} else {
			s.truth[l.id][n-1] = n
			c.t = d + s.think()
		}
	}
	end := cs[0].t + 2
	s.on(end, func() { l.c.End(at(end)) })
}

// tally counts what was said of another's replies: misread in truth, found, said at likely or above, and wrong among those.
func (s *sim) tally(rows map[int64][]Row) (misread, found, said, wrong, strongOwn int) {
	for id, truth := range s.truth {
		got := map[int]Row{}
		for _, r := range rows[id] {
			got[int(r.Index)] = r
		}
		for i, want := range truth {
			r := got[i+1]
			if want != 0 && want != i+1 {
				misread++
				if r.Word >= Likely && int(r.Reply) == want {
					found++
				}
			}
			if r.Word >= Likely && r.Reply != 0 && int(r.Reply) != i+1 {
				said++
				if int(r.Reply) != want {
					wrong++
				}
			}
			if r.Word >= Strong && int(r.Reply) == i+1 && want != i+1 {
				strongOwn++
			}
		}
	}
	return
}
