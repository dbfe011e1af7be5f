package client

// Wait is one wait that ended with a reply: its length, and the weight of the reading that says so.
type Wait struct{ Length, Weight float64 }

// GiveUp is one wait that ended without a reply, as far as it was seen: somewhere in (Lo, Hi) after the write its caller
// stopped waiting, and Gap after the write came the next sign of life.
type GiveUp struct {
	Weight, Lo, Hi, Gap float64
	Written             bool // the sign of life was a write, else a close
	Ended               bool // it ended the connection because of the give-up: a close, or QUIT
	Step                int32
}

// What followed a give-up: the next use of the connection, by the same rules as after a reply, or its end, which does not wait
// for one.
const (
	TurnUse = iota
	TurnEnd
)

// Turnaround is the distribution of the time from a give-up to the next sign of life, by Turn… constant.
type Turnaround [2]*Density

// of returns the distribution that a give-up is of.
func (t *Turnaround) of(g *GiveUp) *Density {
	if g.Ended {
		return t[TurnEnd]
	}
	return t[TurnUse]
}

// Counts are what is learned of one family from one pass over its connections.
type Counts struct {
	Waits []float64 // by fine bin: waits that were answered; nil: none
	Think Hist      // from having a reply to the next write
	SetUp Hist      // the same after a command of the set-up
	Turn  [2]Hist   // from giving up to the next sign of life, by Turn… constant
	Gaps  Hist      // from write to write
	Act   [3][2]float64
	Abort [2]float64    // batches of which the reading stopped at a reply that cannot be its own: stopped, read on
	Ends  [3][2]float64 // after a caller read a reply, by Ends… constant: closed, written
	// Callers are connections by how many callers share them, as the list of that name says.
	Callers [len(Callers)]float64
}

// What callers did when they had given up, in Counts.Act: by Closes, by the other kinds that leave replies unread, and by
// those that drop them. Of each the second number counts closes, the first writes.
const (
	ActCloses = iota
	ActUnread
	ActDropped
)

// Whose reply a caller read, in Counts.Ends.
const (
	EndsOwn     = iota
	EndsOdd     // another's
	EndsRefused // another's, of a class that its parser refuses
)

// CountEnd counts whether a client closed its connection after a caller had read its own reply.
func (c *Counts) CountEnd(closed bool) {
	if closed {
		c.Ends[EndsOwn][0]++
	} else {
		c.Ends[EndsOwn][1]++
	}
}

// AddThink counts the time from having a reply to the next write; setUp says that it was one of the set-up.
func (c *Counts) AddThink(d float64, setUp bool) {
	if setUp {
		c.SetUp.Add(d, 1)
	} else {
		c.Think.Add(d, 1)
	}
}

// AddGap counts the time from one write to the next.
func (c *Counts) AddGap(d float64) { c.Gaps.Add(d, 1) }

// AddWait counts an answered wait.
func (c *Counts) AddWait(length, weight float64) {
	if c.Waits == nil {
		c.Waits = make([]float64, NumFine)
	}
	c.Waits[Fine(length)] += weight
}

// Add adds other counts.
func (c *Counts) Add(o *Counts, w float64) {
	if o.Waits != nil {
		if c.Waits == nil {
			c.Waits = make([]float64, NumFine)
		}
		for i, v := range o.Waits {
			c.Waits[i] += w * v
		}
	}
	c.Think.AddHist(&o.Think, w)
	c.SetUp.AddHist(&o.SetUp, w)
	for i := range c.Turn {
		c.Turn[i].AddHist(&o.Turn[i], w)
	}
	c.Gaps.AddHist(&o.Gaps, w)
	for i, v := range o.Callers {
		c.Callers[i] += w * v
	}
	for i := range c.Act {
		c.Act[i][0] += w * o.Act[i][0]
		c.Act[i][1] += w * o.Act[i][1]
	}
	for i := range 2 {
		c.Abort[i] += w * o.Abort[i]
		for as := range c.Ends {
			c.Ends[as][i] += w * o.Ends[as][i]
		}
	}
}
