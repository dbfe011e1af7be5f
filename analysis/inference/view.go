package inference

import (
	"math"

	"github.com/respsniff/respsniff/analysis/client"
)

// What came after a write.
const (
	NextWrite   = iota // another write
	NextClose          // the client closed it
	NextNothing        // the capture or the process ended
)

// Unseen is an ACK number that is not known, and the place behind a reply that has not come.
const Unseen = math.MaxInt64

// View is a connection as it is judged: times in seconds from its first write, replies in the order of the server's
// stream with the moment from which the client could read them.
type View struct {
	At        []float64 // delivered; +Inf: never seen
	End       []int64   // place behind it
	Type      []Type    // its class
	Quiet     []float32 // how long the client had sent nothing on any connection then, s
	Crowd     []uint16  // how many connections of the client had a command outstanding then
	Command   []int32   // that it serves, as package reader's Reply.Index
	Steps     []Step    // the writes, in order
	Far       bool      // the tap is not at the client: what a segment holds may have left earlier, and been lost once
	Floor     float64   // no delay is known better than this
	Pause     float64   // between two of its writes, from which on it is remarkable
	Silence   float64   // of the whole client, from which on it is remarkable
	Vague     []bool    // by reply: it is not certain which command it serves
	Guessed   []bool    // … when it was delivered was not seen
	Assumed   bool      // the server was not captured: its replies follow from what the client acknowledges
	Base      int32     // commands of the connection before the first one that is kept
	Midstream bool      // it began before the capture
	Start     []State   // the hypotheses before the first step; nil: by the priors
}

// Step is one write and what followed.
type Step struct {
	First      float64 // first byte written
	Last, Next float64 // last byte written; the next sign of life
	Ack        int64   // at the write
	NextAck    int64   // of the next sign of life
	Own        int32   // place of the first reply of its own
	N          int32   // replies that its caller waits for
	Index      int32   // first command
	What       uint8   // what came after it: NextWrite, NextClose or NextNothing
	Farewell   bool    // it is a QUIT
	QuitNext   bool    // the next one is
	SetUp      bool    // it is of the connection's set-up
	Drains     bool    // its caller throws away every reply before its own
	Blocking   bool    // it waits on the server by design
	Settled    bool    // it is counted already
	Uncertain  bool    // which replies serve its commands is not certain
	Lost       bool    // bytes of the client were lost before it
	NextLoss   bool    // one of these is true of the next one
	Guessed    bool    // when it was written, or the next one, was not seen
	Crossed    float64 // … or its reply came, is wrong by up to so much, s
	Flat       bool    // the next write carries the same ACK number and directly follows
	Have       bool    // its own last reply was delivered before the next sign of life
	Wait       float64 // from its last byte to its own last reply, s
	callers    int32   // whose replies came since the write before; see Together
}

// untimed reports whether the times of a step are no evidence.
func (s *Step) untimed() bool { return s.Guessed || s.Crossed > 0 }

// Delivered reports whether the client could read reply i when it next wrote or closed after s.
func (v *View) Delivered(i int32, s *Step) bool {
	return int(i) < len(v.At) && v.End[i] <= s.NextAck && v.At[i] <= s.Next+1e-4
}

// Clean counts what is certain in any reading: the connection up to its first doubt, which is a wait longer than low, or one
// that ended without a reply, which is returned.
func (v *View) Clean(c *client.Counts, low float64) (giveUp *client.GiveUp) {
	for i := range v.Steps {
		s := &v.Steps[i]
		if s.N == 0 || s.Crossed > 0 && s.Have {
			continue
		}
		if !s.Have {
			if s.untimed() {
				return nil
			}
			if gap := max(0, s.Next-s.Last); s.What != NextNothing && !s.Blocking {
				return &client.GiveUp{Weight: 1, Hi: gap, Gap: gap, Written: s.What == NextWrite, Ended: s.ended(), Step: int32(i)}
			}
			return nil
		}
		if s.Wait > low {
			return nil
		}
		if c != nil {
			v.countStep(c, s)
		}
	}
	return nil
}

// counter takes what the steps of a connection teach.
type counter interface {
	AddWait(wait, weight float64)
	AddThink(d float64, setUp bool)
	CountEnd(closed bool)
}

// Count counts a connection without a doubt.
func (v *View) Count(c counter) {
	for i := range v.Steps {
		if s := &v.Steps[i]; s.N > 0 && s.Have {
			v.countStep(c, s)
		}
	}
}

func (v *View) countStep(c counter, s *Step) {
	if s.Settled || s.untimed() || v.Guessed[s.Own+s.N-1] {
		return
	}
	if !s.Blocking && s.Wait > 0x1p-16 {
		c.AddWait(s.Wait, 1)
	}
	if s.What == NextWrite {
		c.AddThink(max(v.Floor, s.Next-v.At[s.Own+s.N-1]), s.SetUp)
	}
	if s.What != NextNothing && !s.Farewell {
		c.CountEnd(s.ended())
	}
}
