package pairing

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing/align"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Bounds of the reply buffer, which fills while it is open which command a reply serves.
const (
	// maxBuffered is how many replies are buffered at most; the alignment is quadratic in it.
	maxBuffered = 64
	// maxBufferedBatches is how many writes of the client may pass before a contradiction is left unresolved.
	maxBufferedBatches = 8
	// maxLookBack is how many commands of the same batch that were already paired take part in an alignment.
	maxLookBack = 16
	// maxOutstanding is how many commands of one connection may wait for a reply. Beyond it the oldest are given up:
	// replies are missing from the capture, or nobody sends any.
	maxOutstanding = 1 << 13
	// maxOutstandingEach is the same while more than 2*MaxLog commands are in use in all.
	maxOutstandingEach = 1 << 8
	// maxOutstandingFlood is the same while more than 4*MaxLog are.
	maxOutstandingFlood = 1 << 4
)

// quietAfter is the silence from which on a server that has all commands has answered all that it will: long beside
// the microseconds that a command takes, and the round trip counted thrice.
const quietAfter = 10 * time.Millisecond

// bufferedReply is a reply whose command is not decided. It owns its memory.
type bufferedReply struct {
	reply  resp.Reply
	info   ReplyInfo
	unseen bool // the server had a command that was never captured, and all others had their replies
}

// unresolved is the reply buffer: replies of which it is open which commands they serve.
type unresolved struct {
	replies   []bufferedReply
	batches   int  // writes of the client since
	anchoring bool // because bytes were lost: anchor looks for the shift; else because of a contradiction, or of missing
	missing   *align.Lost
	anchor    anchor
}

// add copies a reply into the buffer, whose memory may be one that another connection needs no more.
func (h *unresolved) add(spare *Shared, r *resp.Reply, info *ReplyInfo) {
	k := bufferedReply{info: *info}
	c := &k.reply
	c.Start, c.End, c.Kind, c.Marker, c.N, c.Elements = r.Start, r.End, r.Kind, r.Marker, r.N, r.Elements
	c.Streamed, c.Opaque, c.OddLine, c.Abandoned, c.TooDeep = r.Streamed, r.Opaque, r.OddLine, r.Abandoned, r.TooDeep
	c.Text = append([]byte(nil), r.Text...)
	c.Elems = append([]resp.Elem(nil), r.Elems...)
	for i := range c.Elems {
		c.Elems[i].Text = append([]byte(nil), c.Elems[i].Text...)
	}
	if h.replies == nil {
		h.replies, spare.replies = spare.replies, nil
	}
	h.replies = append(h.replies, k)
}

// fitOf judges one reply against one command by type, shape, content, and what the server's kernel had received.
func fitOf(s *Session, ex *Exchange, r *resp.Reply, info *ReplyInfo) (align.Fit, string) {
	if info.K != reassembly.NoAck && info.K < ex.End {
		return align.TooSoon, "the server did not have all of the command yet"
	}
	if ex.Flags&Subscribing != 0 && ex.Flags&Queued == 0 && r.Kind != resp.Error && !isConfirmation(r) {
		return align.Unfit, "it is answered by confirmations only"
	}
	if r.Kind == resp.Error {
		ex.locate()
	}
	ok, why := ex.Call.Allows(r)
	switch {
	case ok || s.Mode.allowsAnyway(ex, r) || s.doubts.inherits(s, r):
		return align.Fits, ""
	case isForeign(ex, r):
		return align.Foreign, why
	}
	return align.Unfit, why
}

// isForeign reports whether what contradicts is a slot or an echoed text, which hardly fit by accident.
func isForeign(ex *Exchange, r *resp.Reply) bool {
	switch r.Kind {
	case resp.Error:
		_, redirect := resp.ParseRedirect(r.Text)
		_, keyed := ex.Slot()
		return redirect && keyed
	case resp.Bulk:
		return ex.Verb == VerbPing || ex.Verb == VerbEcho
	}
	return false
}

// contradicted begins to buffer replies: this one cannot serve the oldest pending command.
func (d *doubts) contradicted(s *Session, r *resp.Reply, info *ReplyInfo) {
	s.contradictions++
	s.open = &unresolved{}
	s.open.add(s.Shared, r, info)
}

// isQuiet reports whether the server has had all commands, and been silent, long enough for it to have sent
// all replies that it will send.
func isQuiet(s *Session, now capture.Time) bool {
	if s.LastData[RoleServer].Seen && now.Sub(s.LastData[RoleServer].Time) < max(quietAfter, 3*s.MinRTT) {
		return false
	}
	if s.Prev.Valid && (now.Sub(s.Prev.EndTime) < max(quietAfter, 3*s.MinRTT) || s.AckSeen[RoleServer] < s.Prev.end) {
		return false
	}
	for _, ex := range s.Pending.Rest() {
		if ex.Flags&Blocks != 0 {
			return false
		}
	}
	return true
}

// resolve looks for the pairing that resolves the contradictions in the buffer, and releases the replies by it. While
// none is certain it waits for more, unless it must decide now.
func (h *unresolved) resolve(s *Session, quiet, now bool) {
	if m := h.missing; m != nil {
		switch left := s.Pending.Len() - len(h.replies); {
		case quiet && m.Proven(&s.Shared.early) && left >= m.By && (now || h.sureEnough(&s.Shared.early)):
			h.leaveOutOldest(s)
		case now || quiet && left < m.By:
			h.inOrder(s)
		}
		return
	}
	if s.Pending.Len() == 0 {
		h.releaseInOrder(s, nil, false)
		return
	}
	back := s.queues.lookBack(s)
	commands := append(back, s.Pending.Rest()[:min(s.Pending.Len(), maxBuffered)]...)
	n := len(back)
	earlier := make([]resp.Reply, n)
	for i, ex := range back {
		earlier[i] = resp.Reply{Kind: ex.Serves.Kind, N: ex.Serves.N, Text: ex.Serves.Text.Raw()}
	}
	at := func(j int) (*resp.Reply, *ReplyInfo) {
		if j < n {
			return &earlier[j], &back[j].Serves
		}
		return &h.replies[j-n].reply, &h.replies[j-n].info
	}
	table := make([]align.Fit, len(commands)*(n+len(h.replies)))
	for i, ex := range commands {
		for j := range n + len(h.replies) {
			r, info := at(j)
			table[i*(n+len(h.replies))+j], _ = fitOf(s, ex, r, info)
		}
	}
	p := align.Problem{
		Commands: len(commands), Replies: n + len(h.replies), Quiet: quiet || now,
		Fit:   func(i, j int) align.Fit { return table[i*(n+len(h.replies))+j] },
		Known: func(i int) bool { return mayBeLeftOut(commands[i]) },
	}
	best := p.Solve()
	if a := h.alignment(s, &best, commands, at, back); settles(s, &best, &p) {
		a.Resolved = true
		h.release(s, &best, commands, n)
		reportAlignment(s, a)
		return
	} else if !now && s.Shared.limits.bufferedBatches.Admits(h.batches) && s.Shared.limits.buffered.Admits(len(h.replies)) {
		return
	} else {
		plain := best.Bad && best.Unique && len(best.Missing) == 0 && len(best.Extra) == 0
		h.releaseInOrder(s, back, !plain)
		s.Sink.Aligned(a)
	}
}

// settles reports whether the best alignment may be acted upon.
func settles(s *Session, best *align.Solution, p *align.Problem) bool {
	if !best.Agreed(p) {
		return false
	}
	if len(best.Extra) > 0 && !p.Quiet && best.Commands[len(best.Commands)-1].Reply == align.Pending {
		return false // the replies still to come decide between one too many and another order
	}
	if best.Unique {
		return true
	}
	// Which of several equal commands went without a reply, or which of equal replies is one too many, may be open, but
	// not how many.
	return best.Skips+best.Extras > 0 && len(best.Commands) > 0 && !best.Commands[len(best.Commands)-1].Several
}

// mayBeLeftOut knows the commands that servers are known to leave without a reply: an AUTH, or a HELLO with AUTH, that
// fails behind another command of the same write (redis/redis#15640).
func mayBeLeftOut(ex *Exchange) bool {
	return (ex.Verb == VerbAuth || ex.Verb == VerbHello && ex.argc > 2) && ex.Outstanding > 0
}

// lookBack returns the commands of the front's batch that were paired already: the fault may have begun with them.
func (q *queues) lookBack(s *Session) []*Exchange {
	var back []*Exchange
	if s.Pending.Len() == 0 {
		return nil
	}
	front := s.Pending.Front()
	for i := s.Log.Len() - 1; i >= 0; i-- {
		ex := s.Log.At(i)
		if ex.Index >= front.Index {
			continue
		}
		if ex.Batch != front.Batch || !ex.Served || ex.totalDue != 1 || ex.Flags&Uncertain != 0 || ex.Index != front.Index-1-len(back) ||
			!s.Shared.limits.lookBack.Admits(len(back)) {
			break
		}
		back = append(back, ex)
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}

// release pairs the buffered replies by an alignment.
func (h *unresolved) release(s *Session, best *align.Solution, commands []*Exchange, back int) {
	s.open = nil
	for i, ex := range commands {
		o := best.Commands[i]
		if i < back {
			repair(s, ex, o, i)
			continue
		}
		if o.Reply == align.Pending && !o.Several {
			continue
		}
		if s.Pending.Len() == 0 {
			break // one of the replies began a replication stream: nothing is paired any more
		}
		s.Pending.Pop()
		switch {
		case o.Several:
			ex.Flags |= Uncertain
			ex.LostReply = true
		case o.Reply == align.Skipped:
			leaveOut(s, ex)
		case o.Reply < back:
			ex.Flags |= Uncertain // a reply that was reported already
			ex.LostReply = true
		default:
			k := &h.replies[o.Reply-back]
			ex.Serves = k.info
			s.serve(ex, &k.reply)
		}
		s.Shared.Release(ex)
	}
	for n, j := range best.Extra {
		if j >= back && (best.Unique || n >= len(best.Extra)-best.Extras) {
			k := &h.replies[j-back]
			s.unsolicit++
			reportOdd(s, Unsolicited, &k.reply, &k.info)
		}
	}
}

// repair changes the pairing of a command that had been paired.
func repair(s *Session, ex *Exchange, o align.Outcome, own int) {
	switch {
	case o.Several || o.Reply != own && o.Reply != align.Skipped:
		ex.Flags |= Uncertain
	case o.Reply == align.Skipped:
		ex.Served, ex.Serves = false, ReplyInfo{}
		leaveOut(s, ex)
	}
}

// leaveOut notes that the server sent no reply to a command.
func leaveOut(s *Session, ex *Exchange) {
	s.Sink.LeftOut(ex)
	ex.Flags |= LeftOut
	ex.totalDue, ex.due = 0, 0
}

// releaseInOrder gives each buffered reply to the next command, as Redis means it. Unless the order is beyond doubt, nothing
// that took part is certain, and neither is what follows.
func (h *unresolved) releaseInOrder(s *Session, back []*Exchange, open bool) {
	s.open = nil
	var mark ExchangeFlags
	if open {
		mark = Uncertain
	}
	for _, ex := range back {
		ex.Flags |= mark
	}
	for i := range h.replies {
		k := &h.replies[i]
		if s.Pending.Len() == 0 || k.info.K != reassembly.NoAck && k.info.K < s.Pending.Front().End {
			reportOdd(s, UnanchoredSeen, &k.reply, &k.info)
			continue
		}
		ex := s.Pending.Pop()
		ex.Flags |= mark
		if f, why := fitOf(s, ex, &k.reply, &k.info); f != align.Fits {
			ex.Contradiction, ex.Foreign = why, f == align.Foreign
		}
		ex.Serves = k.info
		s.serve(ex, &k.reply)
		s.Shared.Release(ex)
	}
	if open {
		s.doubts.doubt(s, -maxAnchor, maxAnchor, false)
	}
}

// Misfit is a reply that cannot answer the command next in order.
type Misfit struct {
	Command Exchange // a copy; Session is nil
	Reply   ReplyInfo
	Why     string // "GET never returns a simple string"
	// Foreign: a slot or an echoed text contradicts.
	Foreign bool
}

// Alignment reports that replies did not fit their commands in order, and how that was resolved. It is valid during
// the event only.
type Alignment struct {
	Session  *Session
	Commands []*Exchange // those that took part, oldest first; those that were reported before included
	Misfits  []Misfit    // the first maxMisfits of the pairing in order
	NMisfits int
	Resolved bool        // another pairing fits everything and was taken
	Skips    int         // commands that the server left without a reply
	Skipped  []*Exchange // which ones: more than Skips where several fit
	Extra    int         // replies that no command asked for
	Swapped  bool        // neighbours whose replies came in the other order
	Foreign  bool        // a slot or an echoed text is among the contradictions
	Live     *Exchange   // a command behind the skipped ones that was answered
	// Where no content contradicts: Turns is how many replies came just behind the command that they serve, and Behind how long
	// the slowest took from there; Matches is how many are known as the answer to that command and not to the one that they would
	// serve in order. ByValues: these show it alone.
	Turns, Matches int
	Behind         time.Duration
	ByValues       bool
}

func (*Alignment) Event() {}

// maxMisfits bounds the contradictions that an Alignment describes.
const maxMisfits = 4

// alignment describes a solution.
func (h *unresolved) alignment(s *Session, best *align.Solution, commands []*Exchange, at func(int) (*resp.Reply, *ReplyInfo), back []*Exchange) *Alignment {
	a := &Alignment{
		Session: s, Commands: commands, NMisfits: best.FIFO, Skips: best.Skips, Extra: best.Extras,
		Swapped: best.Swapped, Foreign: best.Hard,
	}
	for i, ex := range commands {
		if i >= len(back)+len(h.replies) || len(a.Misfits) == maxMisfits {
			break
		}
		r, info := at(i)
		if f, why := fitOf(s, ex, r, info); f == align.Unfit || f == align.Foreign {
			m := Misfit{Command: *ex, Reply: *info, Why: why, Foreign: f == align.Foreign}
			m.Command.Session = nil
			a.Misfits = append(a.Misfits, m)
		}
	}
	for _, i := range best.Missing {
		a.Skipped = append(a.Skipped, commands[i])
		for k := i + 1; k < len(commands); k++ {
			if best.Commands[k].Reply >= 0 {
				a.Live = commands[k]
			}
		}
	}
	return a
}

func reportAlignment(s *Session, a *Alignment) {
	if a.NMisfits > 0 {
		s.Sink.Aligned(a)
	}
}
