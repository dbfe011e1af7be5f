package client

// Params are what the connections of a population are judged with, as one family of kinds sees them.
type Params struct {
	Think, SetUp, Gaps *Density
	Turn               Turnaround
	Fit                *Fit
	// Writes is the chance that a connection is written to again after a give-up, by Act… constant; else it is closed.
	Writes [3]float64
	// Abort is the chance that a batch is not read on after a reply that cannot be its own.
	Abort float64
	// Closing is the chance that the connection is closed after a caller read a reply, by Ends… constant.
	Closing [3]float64
	// Callers is the chance that so many callers share a connection, as the list of that name says.
	Callers [len(Callers)]float64
}

// Callers are the numbers of callers of a shared connection that are told apart; 0 is any other: then who waits for a reply
// does not show in how soon the next command is written.
var Callers = [...]int{0, 2, 3, 4, 5, 6}

// callersPrior weighs them before any is seen: few callers, of whatever number, are as usual as many.
var callersPrior = [len(Callers)]float64{1, 0.2, 0.2, 0.2, 0.2, 0.2}

// turnWeight is how many observations the shape of the think time is worth for the turnaround: what follows a give-up is
// the same program, and is seen only as the rest of a sum.
const turnWeight = 30

// flatWeight is how many observations the shape of a duration of which nothing is known is worth.
const flatWeight = 2

// NewParams makes parameters from counts. The priors of rare branches are near 0: a batch that is given up in the
// middle, or a connection that is closed after a reply, must be seen before it is believed.
func NewParams(c *Counts, fit *Fit) *Params {
	p := &Params{Fit: fit}
	p.Think = NewDensity(&c.Think, &flat, flatWeight)
	p.SetUp = NewDensity(&c.SetUp, &flat, flatWeight)
	prior := turnPrior(&c.Think)
	for i := range p.Turn {
		p.Turn[i] = NewDensity(&c.Turn[i], &prior, turnWeight)
	}
	gaps := &c.Gaps
	if gaps.Sum() == 0 {
		gaps = &c.Think
	}
	p.Gaps = NewDensity(gaps, &flat, flatWeight)
	for i, a := range c.Act {
		p.Writes[i] = (a[0] + 1) / (a[0] + a[1] + 2)
	}
	d := &c.Act[ActDropped] // somebody takes the late reply: there is no reason to close
	p.Writes[ActDropped] = (d[0] + 19) / (d[0] + d[1] + 20)
	sum := 0.0
	for i, n := range c.Callers {
		p.Callers[i] = n + callersPrior[i]
		sum += p.Callers[i]
	}
	for i := range p.Callers {
		p.Callers[i] /= sum
	}
	p.Abort = (c.Abort[0] + 0.1) / (c.Abort[0] + c.Abort[1] + 1)
	p.Closing[EndsOwn] = (c.Ends[EndsOwn][0] + 1) / (c.Ends[EndsOwn][0] + c.Ends[EndsOwn][1] + 20)
	p.Closing[EndsOdd] = (c.Ends[EndsOdd][0] + 20*p.Closing[EndsOwn]) / (c.Ends[EndsOdd][0] + c.Ends[EndsOdd][1] + 20)
	e := &c.Ends[EndsRefused] // one in four ends in an error that closes
	p.Closing[EndsRefused] = (e[0] + 1) / (e[0] + e[1] + 4)
	return p
}

// turnPrior is the shape of the turnaround before any is seen: that of the think time, or sooner: a client that gave up may
// go on at once, but has no reason to be slower than after a reply.
func turnPrior(think *Hist) (h Hist) {
	h = *shape(think, 2)
	below, n := 0.0, 0
	for ; n < NumCoarse && below < 0.9; n++ {
		below += h[n]
	}
	for i := range h {
		h[i] *= 0.6
		if i < n {
			h[i] += 0.4 / float64(n)
		}
	}
	return h
}

// Uninformed is the turnaround before anything is known.
var Uninformed = func() Turnaround {
	var none Hist
	d := NewDensity(&none, &flat, 1)
	return Turnaround{d, d}
}()
