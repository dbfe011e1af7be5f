package desync

import (
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/reassembly"
)

// batch takes the commands of one write, in order, with the rows that say what their callers got.
func (c *Callers) batch(batch []*pairing.Exchange, rows *[]reader.Row) {
	next := batch[0]
	if c.given != nil {
		c.abandoned(c.given, next)
	}
	if c.last != nil && c.last.Waits() && flat(c.last, next) {
		overlapped(c, c.last, next)
		overlappedBy(c, c.last, next)
	}
	c.wentOn(next)
	if c.stale != nil {
		noteStale(c, c.stale, next)
	}
	owed := c.unread.Len()
	if owed > 0 && next.Flags&pairing.NotAwaited == 0 {
		c.reused(next, owed)
		if c.last != nil && c.last.Waits() && flat(c.last, next) {
			c.overtook(c.last, next, owed)
		}
	}
	c.drop(&c.given)
	c.drop(&c.stale)
	gone := false
	for _, ex := range batch {
		ex.Owed = owed
		if ex.Waits() {
			c.unread.Push(ex)
			ex.Refs++
		}
		for len(*rows) > 0 && int((*rows)[0].Index) < ex.Index {
			*rows = (*rows)[1:]
		}
		if len(*rows) > 0 && int((*rows)[0].Index) == ex.Index {
			gone = c.row(ex, &(*rows)[0], gone) || gone
		} else if ex.Waits() {
			ex.Belief = pairing.Belief{Outcome: pairing.Unknown}
			c.readUpTo(ex.Index)
		}
	}
	if c.given == nil && c.leaving < 0.5 { // who stopped waiting takes the late reply all the same
		c.readUpTo(batch[len(batch)-1].Index)
	}
	c.keep(&c.last, batch[len(batch)-1])
}

// row takes what the caller of ex got. It reports whether the caller went away without a reply.
func (c *Callers) row(ex *pairing.Exchange, r *reader.Row, gone bool) bool {
	w := pairing.Confidence(r.Word)
	switch {
	case drains(ex):
		ex.Belief = pairing.Belief{Index: ex.Index, Confidence: w}
		c.readUpTo(ex.Index)
	case r.Got == reader.Untold:
		ex.Belief = pairing.Belief{Outcome: pairing.Unknown}
		late(c, ex, reader.Unknown)
		c.readUpTo(ex.Index)
	case r.Got == reader.Nothing:
		ex.Belief = pairing.Belief{Confidence: w}
		ex.Flags |= pairing.GivenUp
		if c.Judging.Abandoned++; !gone {
			c.keep(&c.given, ex)
			c.sure, c.gaveUp = r.Word, reader.WordOf(r.Posterior)
		}
		return true
	case r.Got == reader.Before:
		if level, why := corroborated(c, ex, after(c, ex)); level > w {
			w, c.lifted, c.trouble().StaleWhy = level, level, why
		}
		ex.Belief = pairing.Belief{Confidence: w, Outcome: pairing.Before}
		c.keep(&c.stale, ex)
		misread(c, ex, &pairing.Exchange{}, w)
	case r.Got == reader.Extra:
		ex.Belief = pairing.Belief{Confidence: w, Outcome: pairing.Extra}
		misread(c, ex, &pairing.Exchange{}, w)
	case int(r.Reply) == ex.Index:
		c.lifted = pairing.Suppressed
		ex.Belief = pairing.Belief{Index: ex.Index, Confidence: w}
		late(c, ex, r.Word)
		c.readUpTo(ex.Index)
	case int(r.Reply) > ex.Index: // the server left a reply out
		ex.Belief = pairing.Belief{Index: int(r.Reply), Confidence: w}
		c.readUpTo(int(r.Reply))
	default:
		w = max(w, c.lifted)
		ex.Belief = pairing.Belief{Index: int(r.Reply), Confidence: w}
		if c.Start == reassembly.MidStream && (c.Desync == nil || c.Desync.Abandoned == nil) {
			c.keep(&c.stale, ex) // behind from before the capture
		}
		misread(c, ex, c.find(int(r.Reply)), w)
		c.misread = ex.Index
		c.readUpTo(int(r.Reply))
	}
	return false
}

// find returns the command of a number while its reply is owed or it is not judged; else one that nothing is known of.
func (c *Callers) find(index int) *pairing.Exchange {
	for _, ex := range c.unread.Rest() {
		if ex.Index == index {
			return ex
		}
	}
	for _, ex := range c.Log.Rest() {
		if ex.Index == index {
			return ex
		}
	}
	return &pairing.Exchange{Index: index}
}

// readUpTo takes the replies up to that of a command out of those that nobody has read.
func (c *Callers) readUpTo(index int) {
	for c.unread.Len() > 0 && c.unread.Front().Index <= index {
		c.Shared.Release(c.unread.Pop())
	}
}

// leaves is the chance that late replies are left for the next caller.
func leaves(kinds *[client.NumKinds]float64) (sum float64) {
	for k, w := range kinds {
		if !client.Kind(k).Healthy() {
			sum += w
		}
	}
	return sum
}

// abandoned notes that the caller of ex went away and that the connection was used again.
func (c *Callers) abandoned(ex, next *pairing.Exchange) {
	a := Abandonment{Given: *ex, Next: *next, Gap: next.Time.Sub(ex.EndTime), Owed: max(1, c.unread.Len()), Flat: flat(ex, next)}
	a.Given.Session, a.Next.Session = nil, nil
	a.Weakened = (ex.Flags|next.Flags)&(pairing.AfterHole|pairing.Uncertain) != 0 && !a.Flat
	if r := &ex.Serves; ex.Served && next.Ack != reassembly.NoAck {
		switch {
		case c.Kind == pairing.TLS && next.Ack < r.End: // what is between the content of records may be acknowledged
		case r.Start < next.Ack && next.Ack < r.End:
			a.Why = ByHalf
			ex.Caller.Half = true
		case next.Ack >= r.End:
			a.Why = ByTimeout
		}
	}
	a.Confidence = c.level(&a)
	how := GaveUpReuse
	if next.Flags&pairing.NotAwaited != 0 {
		how = GaveUpQuit
	}
	waited(c, ex, how, next.Frame, next.Time, next.Ack)
	if how == GaveUpQuit {
		if d := c.trouble(); d.Quit.Given.Index == 0 {
			d.Quit = a
		}
		return
	}
	if a.Confidence <= pairing.Possible && c.mayLeave(a.Confidence) {
		weaklyReused(c, ex, next, a.Confidence)
	}
	if a.Confidence == pairing.Suppressed {
		return
	}
	d := c.trouble()
	d.begin(a.Why, ex)
	d.Use, d.Library = c.Use(), c.Pop.Library()
	if t := c.timeout(a.Gap); t.T > 0 {
		d.Wait = t
	}
	d.Counts[a.Why]++
	if ex.Flags&pairing.InHandshake != 0 {
		d.Handshake++
	}
	if n := len(d.Abandoned); n == 0 || n < maxAbandoned && c.Judging.Kept < maxKeptAbandoned {
		c.Judging.Kept++
		d.Abandoned = append(d.Abandoned, a)
	}
	d.LastTime = next.Time
}

// mayLeave reports whether what was seen leaves open that late replies are left for the next caller, and nothing that is known
// of the client says so or denies it.
func (c *Callers) mayLeave(claim pairing.Confidence) bool {
	if reader.WordOf(1-c.leaving) >= reader.Strong {
		return false
	}
	policy, basis := c.Known()
	return basis < client.Named || claim == pairing.Suppressed && policy.TakesTurns() // of others whoever waits takes its own
}

// level is how sure it is that a reply was left for the next caller. What ACK numbers prove is a fact once the kind is
// sure.
func (c *Callers) level(a *Abandonment) pairing.Confidence {
	if a.Given.Unsure || a.Next.Unsure || a.Given.Flags&pairing.Subscribing != 0 || mute(c) {
		return pairing.Suppressed // a subscriber reads whatever comes: no caller waits for a confirmation
	}
	level := pairing.Confidence(min(c.sealed(a.Gap), c.sure, reader.WordOf(c.leaving)))
	if level >= pairing.Strong && (a.Why == ByAck || a.Why == ByHalf) {
		level = pairing.Proven
	}
	if a.Weakened {
		level = level.Down()
	}
	if c.Kind == pairing.TLS && (a.Why == ByTimeout || a.Why == ByInference) {
		level = min(level, pairing.Possible) // no ACK number shows it
	}
	return level
}

// sealed bounds what is said of a wait that ended with another write, on a connection that cannot be read: where several callers
// share it, they write at any time, and hardly as long after one another as the client's read timeout is.
func (c *Callers) sealed(gap time.Duration) reader.Word {
	policy, basis := c.Known()
	switch {
	case c.Kind != pairing.TLS:
		return reader.Proven
	case 2*c.ReplyCount < c.CommandCount:
		return reader.Unknown // most of what it writes is not answered: a replica acknowledges so, and what came may be no reply
	case c.Start == reassembly.MidStream, c.timeout(gap).T == 0 && !(basis == client.Stated && policy.TakesTurns()):
		return reader.Possible
	}
	return reader.Proven
}

// reused notes that the client wrote another command while k replies were owed.
func (c *Callers) reused(next *pairing.Exchange, k int) {
	d := c.Desync
	if d == nil || !d.started || next.Flags&pairing.NotAwaited != 0 {
		return
	}
	c.Dirty = true
	c.Behind = max(c.Behind, k)
	d.Reuses++
	d.ReusesBy[d.ground]++
	d.Behind = max(d.Behind, k)
	d.LastTime = next.Time
	d.Changed = true
}

// overtook notes that a command was written on a dirty connection before the reply to the one before it had arrived,
// whichever reply the caller of that one may have got: the ACK numbers alone prove it.
func (c *Callers) overtook(last, next *pairing.Exchange, k int) {
	d := c.Desync
	if d == nil || !d.started {
		return
	}
	d.Overtaken++
	// It proves an overlap. That the connection was dirty is as sure as what made it so.
	level := min(max(pairing.Confidence(reader.WordOf(c.leaving)), c.lifted), d.surest())
	if level >= pairing.Strong {
		level = pairing.Proven
	}
	if d.Proof != nil && d.Proof.Confidence >= level {
		return
	}
	a := Abandonment{Given: *last, Next: *next, Gap: next.Time.Sub(last.EndTime), Flat: true, Owed: k}
	a.Given.Session, a.Next.Session = nil, nil
	a.Confidence = level
	d.Proof = &a
}

// surest is how sure the surest of what was found is.
func (d *Desync) surest() pairing.Confidence {
	level := d.Strongest
	for i := range d.Abandoned {
		level = max(level, d.Abandoned[i].Confidence)
	}
	return level
}

// wentOn notes that the last caller, which got another's reply, went on sooner than its own can have come.
func (c *Callers) wentOn(next *pairing.Exchange) {
	ex, d := c.last, c.Desync
	if ex == nil || d == nil || c.Kind == pairing.TLS || c.misread != ex.Index || !ex.Served || next.Ack == reassembly.NoAck || next.Ack >= ex.Serves.End {
		return
	}
	if d.TooSoon++; d.TooSoon == 1 {
		d.Prompt = Prompt{ex.Frame, next.Frame, ex.CommandName(), next.Time.Sub(ex.EndTime), ex.Serves.FirstTime.Sub(ex.EndTime)}
	}
}

func (c *Callers) trouble() *Desync {
	if c.Desync == nil {
		c.Desync = &Desync{Conn: c.ID, Client: c.Client, Server: c.Server, Misreads: Misreads{ByCommand: map[string]int{}, BySaw: map[string]int{}}}
	}
	c.Desync.Changed = true
	return c.Desync
}

// begin notes where the trouble began, once.
func (d *Desync) begin(why Why, ex *pairing.Exchange) {
	if !d.started {
		d.started, d.ground, d.First = true, why, ex.Time
	}
}

// drainToken is the length of the shortest token by which a client recognises the end of what it throws away: redigo
// sends ECHO with 32 hexadecimal digits when a connection goes back to its pool, and reads until they come back.
const drainToken = 16

// drains reports whether the caller of a command throws away all replies before its own.
func drains(ex *pairing.Exchange) bool {
	return ex.Verb == pairing.VerbEcho && ex.Served && ex.Serves.N >= drainToken && isHex(ex.Serves.Text.Raw())
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return len(b) > 0
}
