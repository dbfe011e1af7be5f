package desync

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// GaveUp says how a caller showed that it had stopped waiting.
type GaveUp uint8

// Ways to stop waiting.
const (
	GaveUpReuse GaveUp = iota // another command
	GaveUpQuit                // QUIT or RESET
	GaveUpClose               // FIN or RST
)

var gaveUpNames = [...]string{"sent another command", "sent QUIT", "closed the connection"}

// String says what the client did.
func (g GaveUp) String() string { return gaveUpNames[g] }

// EndOfWait is a wait that ended without a reply, and was seen to: none had come when the client did something else.
type EndOfWait struct {
	Exchange *pairing.Exchange
	Gap      time.Duration // from the end of the command
	How      GaveUp
	Frame    int64 // of what the client did
	Time     capture.Time
	Sure     pairing.Confidence
}

// waited tells of a caller that gave up before its reply had come: the next sign of life, with which the client acknowledged
// everything before ack, came at another time.
func waited(c *Callers, ex *pairing.Exchange, how GaveUp, frame int64, at capture.Time, ack int64) {
	const other = pairing.Blocks | pairing.InHandshake | pairing.NotAwaited | pairing.NoReplyDue | pairing.AfterHole | pairing.Subscribing
	gap := at.Sub(ex.EndTime)
	if ex.Unsure || ex.Flags&other != 0 || gap < shortestTimeout || mute(c) {
		return
	}
	if !ex.Served && (c.Lossy() || ack != reassembly.NoAck && ack > ex.Ack && ex.Outstanding == 0) {
		return // its reply may have come, and not be in the capture
	}
	if r := &ex.Serves; ex.Served && (ack != reassembly.NoAck && ack >= r.End || ack == reassembly.NoAck && r.Time <= at) {
		return // it had come: when its caller gave up is not seen
	}
	sure := c.gaveUp
	if how == GaveUpReuse {
		sure = min(sure, c.sure, c.sealed(gap)) // it may be meant so
	}
	if c.Lossy() || c.Kind == pairing.TLS {
		sure = min(sure, reader.Likely) // which command the reply that came later served may be off by what is missing
	}
	c.Judging.sink.WaitEnded(c, &EndOfWait{Exchange: ex, Gap: gap, How: how, Frame: frame, Time: at, Sure: pairing.Confidence(sure)})
}

// mute reports whether no command of a connection that began before the capture was ever answered in it: CLIENT REPLY OFF
// may have been sent before.
func mute(c *Callers) bool {
	return c.Replies() == 0 && c.Start == reassembly.MidStream && !c.OneSided()
}

// closed takes the end of the connection after its last caller had given up.
func closed(c *Callers) {
	if x := &c.Closing[pairing.RoleClient]; c.given != nil && (x.Fin || x.Rst) {
		ack := x.Ack
		if x.Rst && !x.Fin {
			if given := c.given; !given.Served && given.Outstanding == 0 && ack != reassembly.NoAck && ack > given.Ack {
				return // a part of its reply had come
			}
			ack = reassembly.NoAck
		}
		waited(c, c.given, GaveUpClose, x.Frame, x.Time, ack)
	}
}

// Undecided is a kind of client whose callers nobody can tell about, and what would decide it.
type Undecided struct {
	Client      netip.Addr
	Server      netip.AddrPort // of the first time
	Conn        int64
	ClientPort  uint16
	First, Last capture.Time
	File        int32
	// Overlaps are writes before an earlier reply by a client that may or may not be meant to: its policy would decide.
	Overlaps Doubt
	// Weak are callers that went away before the next command, where it is too weak a claim that later callers got their replies.
	Weak      Doubt
	Unclaimed int  // of Weak, those of which nothing is claimed: they are among Judging.Suppressed
	Named     bool // the library's name, or the user, says how it uses its connections
	// Late are replies that came after a long wait, of which nobody knows whether their callers had given up: the read
	// timeout would decide.
	Late              Doubt
	Shortest, Longest time.Duration // of Late

	pop *client.Population
}

// Doubt counts what nobody can tell, with the first of it.
type Doubt struct {
	Times       int
	Frame, Next int64  // the command, and the one after it; 0: none
	Command     string // safe to print
	Gap         time.Duration
}

func (d *Doubt) add(ex *pairing.Exchange, next int64, gap time.Duration) {
	if d.Times++; d.Times == 1 {
		d.Frame, d.Next, d.Command, d.Gap = ex.Frame, next, ex.CommandName(), gap
	}
}

// maxUndecided bounds the kinds of clients remembered as Undecided.
const maxUndecided = 1024

// undecided returns what is kept of the connection's client; nil: there is no room.
func undecided(c *Callers, ex *pairing.Exchange) *Undecided {
	j, pop := c.Judging, c.Pop
	u := j.undecided[pop]
	if u == nil && pop != nil {
		if len(j.undecided) >= maxUndecided {
			return nil
		}
		if j.undecided == nil {
			j.undecided = map[*client.Population]*Undecided{}
		}
		u = &Undecided{pop: pop, Client: pop.Client, Server: c.Server, Conn: c.ID, ClientPort: c.Client.Port(), First: ex.Time, File: ex.File}
		j.undecided[pop] = u
	}
	if u != nil {
		u.Last = max(u.Last, ex.Time)
	}
	return u
}

// overlapped notes that next was written before the reply to ex, where nobody can tell whether that is meant so.
func overlapped(c *Callers, ex, next *pairing.Exchange) {
	const other = pairing.Blocks | pairing.InHandshake | pairing.NotAwaited | pairing.Subscribing
	if !c.weighed || ex.Flags&other != 0 || next.Flags&pairing.NotAwaited != 0 || c.decided() {
		return
	}
	if u := undecided(c, ex); u != nil {
		u.Overlaps.add(ex, next.Frame, next.Time.Sub(ex.EndTime))
	}
}

// weaklyReused notes a caller that went away, on a connection that was used again, where it cannot be said what became of its
// reply; claim is how sure it is that it was left for the next caller.
func weaklyReused(c *Callers, ex, next *pairing.Exchange, claim pairing.Confidence) {
	unclaimed := 0
	if claim == pairing.Suppressed {
		unclaimed = 1
	}
	c.Judging.Suppressed += int64(unclaimed)
	if u := undecided(c, ex); u != nil {
		u.Unclaimed += unclaimed
		u.Weak.add(ex, next.Frame, next.Time.Sub(ex.EndTime))
		_, basis := c.Known()
		u.Named = basis >= client.Named
	}
}

// late notes a reply of which nobody knows whether its caller had waited for it; w is how sure that is.
func late(c *Callers, ex *pairing.Exchange, w reader.Word) {
	const other = pairing.Blocks | pairing.NotAwaited | pairing.Subscribing | pairing.AfterHole | pairing.Uncertain
	if w > reader.Possible || !ex.Served || ex.Unsure || ex.Flags&other != 0 || c.Start == reassembly.MidStream {
		return
	}
	if _, given := c.Reg.GivenTimeout(c.Client.Addr()); given {
		return
	}
	wait := ex.Serves.FirstTime.Sub(ex.EndTime)
	if wait < shortestTimeout {
		return
	}
	if policy, basis := c.Known(); basis >= client.Named && !policy.TakesTurns() {
		return
	}
	u := undecided(c, ex)
	if u == nil {
		return
	}
	if u.Late.add(ex, 0, wait); u.Late.Times == 1 || wait < u.Shortest {
		u.Shortest = wait
	}
	u.Longest = max(u.Longest, wait)
}

// shortestTimeout is the shortest deadline that clients can set: their options count milliseconds.
const shortestTimeout = time.Millisecond

// Undecided returns the kinds of clients of which something cannot be told, by address. How long a client waits is known
// where its callers were seen to give up.
func (j *Judging) Undecided() []*Undecided {
	all := make([]*Undecided, 0, len(j.undecided))
	for _, u := range j.undecided {
		if h := j.Habits(u.pop); h != nil && (len(h.Timeouts) > 0 || h.Cancels()) {
			u.Late, u.Shortest, u.Longest = Doubt{}, 0, 0
		}
		if u.Overlaps.Times+u.Late.Times+u.Weak.Times > 0 {
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b *Undecided) int {
		return cmp.Or(a.Client.Compare(b.Client), cmp.Compare(a.pop.SetUp, b.pop.SetUp))
	})
	return all
}
