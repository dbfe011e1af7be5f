package reader

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/pool"
)

// Options steer the inference; the zero value is good.
type Options struct {
	Without inference.Terms // evidence to leave out, for tables by term
	// ReadTimeout returns the read timeout that is known of a client; nil: none is.
	ReadTimeout func(netip.Addr) (time.Duration, bool)
	// Known weighs the kinds by what is known of a connection's client beside its traffic, such as the name of its library
	// or what the user said of it: 1 changes nothing, 0 excludes a kind. nil, or nil returned: nothing is.
	Known func(c *Conn) *client.KindWeights
	// Doubts returns what makes it less sure what the packets of a connection say; nil: nothing does. It is asked with each
	// verdict.
	Doubts func(c *Conn) Doubts
	// Settled, if not nil, tells of a connection without a doubt so far that the caller of each awaited command up to and
	// with upTo, from the last one told of, read its own reply.
	Settled func(c *Conn, upTo int32, word Word)
	Bounds  *bound.Set // nil: a set of its own
	prior   [client.NumKinds]float64
}

// Reader takes what is seen of all connections and says which reply each caller got.
type Reader struct {
	o         Options
	reg       registry
	now       capture.Time
	pass      inference.Pass
	conns     pool.Pool[Conn] // to be used again
	kept      int             // commands
	ticked    capture.Time
	finishing bool         // nothing more comes of any connection
	buf       []float64    // for sorting
	scratch   view         // of settleQuiet
	early     *bound.Bound // commands kept of all connections
	deep      *bound.Bound // … of one connection
	judged    func(*Verdict)
	ended     Verdict // handed to judged
}

// New returns a Reader. Each verdict is handed to judged, borrowed, as soon as it is final. Of connections without a doubt
// Options.Settled tells instead, and there is one verdict, when they end.
func New(o Options, judged func(*Verdict)) *Reader {
	o.prior = client.Prior
	if o.Without.Has(inference.TermGaps) {
		o.prior[client.Shares] = 0
	}
	if o.Without.Has(inference.TermHeldBack) {
		o.prior[client.HoldsBack] = 0
	}
	if o.Bounds == nil {
		o.Bounds = &bound.Set{}
	}
	const hides = "what the clients of connections judged early showed later"
	return &Reader{
		o: o, judged: judged, reg: newRegistry(&o),
		early: o.Bounds.New(bound.Bound{Name: "commands awaiting judgement", Limit: o.Bounds.Scaled(maxKept), Loses: bound.Evidence, Hides: hides}),
		deep:  o.Bounds.New(bound.Bound{Name: "writes of one connection awaiting judgement", Limit: maxWrites, Loses: bound.Evidence, Hides: hides}),
	}
}

// Open begins a connection of a client.
func (r *Reader) Open(id int64, from netip.Addr, midstream bool) *Conn {
	w := r.reg.who(from)
	w.open++
	c := r.conns.Get()
	*c = Conn{ID: id, r: r, who: w, midstream: midstream, acked: acked{farAck: -1}}
	c.commands, c.replies, c.writes = c.few.commands[:0], c.few.replies[:0], c.few.writes[:0]
	return c
}

// Release takes back a connection that its owner will not use any more. One that has not settled is not used again.
func (c *Conn) Release() {
	c.Tag = nil
	if c.over && c.pop == nil {
		c.r.conns.Put(c)
	}
}

// Facts are what findings can say of a connection in plain words.
type Facts struct {
	TooSoon int // writes sooner than the caller's own reply can have come: it was answered from memory
	SatOut  int // replies slower than usual that their callers waited for
	GaveUp  int // callers that stopped waiting
	// Waits are the shortest and the longest time from the write of a caller that gave up to the next sign of life, s.
	Waits [2]float64
}

// Finish judges what still waits. now is the end of the capture.
func (r *Reader) Finish(now capture.Time) {
	r.now, r.finishing = now, true
	for q := range r.reg.all() {
		q.judgeAll(r, true)
	}
}

// Habits returns what is known so far of a population, from its last judgement, or, where there was none, of how long
// replies take and what comes after; nil: nothing.
func (r *Reader) Habits(k Key) *Habits {
	if q := r.reg.pops[k]; q != nil {
		return habits(q)
	}
	return nil
}

// Kinds returns what is known so far of the kinds of a population, and the share of its writes that hold several commands.
func (r *Reader) Kinds(k Key) (kinds [client.NumKinds]float64, batches float64, ok bool) {
	q := r.reg.pops[k]
	if q == nil {
		return kinds, 0, false
	}
	return q.kinds(), q.sizes.Several(), true
}

// facts counts what the most likely reading of a connection says.
func (c *fitted) facts(read [][]inference.Candidate, usual float64) (f Facts) {
	v := c.v
	for i := range v.Steps {
		st := &v.Steps[i]
		at := int(st.Index - 1 - v.c.base)
		if st.N == 0 || at < 0 || at >= len(read) || v.own[at] < 0 {
			continue
		}
		own, other := 0.0, 0.0
		for _, x := range read[at] {
			switch x.Reply {
			case v.own[at]:
				own += x.Weight
			case inference.Unexplained:
			default:
				other += x.Weight
			}
		}
		switch {
		case own > 0.5:
			if st.Have && st.Wait > usual {
				f.SatOut++
			}
		case other > 0.5:
			if !st.Have {
				f.TooSoon++
			}
		case st.What != inference.NextNothing:
			gap := st.Next - st.Last
			if f.GaveUp++; f.GaveUp == 1 || gap < f.Waits[0] {
				f.Waits[0] = gap
			}
			f.Waits[1] = max(f.Waits[1], gap)
		}
	}
	return f
}
