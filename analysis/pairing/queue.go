package pairing

// Bounds of the commands that are kept until they are judged.
const (
	// MaxSessionLog is how many commands of one connection may wait for judgement.
	MaxSessionLog = 1 << 13
	// usualLog is how many may wait in all, at 640 bytes each, and 3 KiB where their connection is over.
	usualLog = 1 << 14
)

// Queue is a first-in-first-out list of exchanges whose memory is used again.
type Queue struct {
	items []*Exchange
	head  int
}

func (q *Queue) Len() int           { return len(q.items) - q.head }
func (q *Queue) At(i int) *Exchange { return q.items[q.head+i] }
func (q *Queue) Front() *Exchange   { return q.items[q.head] }
func (q *Queue) last() *Exchange    { return q.items[len(q.items)-1] }
func (q *Queue) Rest() []*Exchange  { return q.items[q.head:] }

// queueMin is the least room of a queue. With less, a connection that always has one command in it moves that one to the
// front at every second command, at 150 instructions.
const queueMin = 16

func (q *Queue) Push(ex *Exchange) {
	if len(q.items) == cap(q.items) {
		q.makeRoom()
	}
	q.items = append(q.items, ex)
}

func (q *Queue) makeRoom() {
	if cap(q.items) == 0 {
		q.items = make([]*Exchange, 0, queueMin)
	}
	if q.head > len(q.items)/4 { // else append doubles the room: a queue that stays nearly full is not moved each time
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
}

func (q *Queue) Pop() *Exchange {
	ex := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return ex
}

func (q *Queue) Clear() {
	clear(q.items)
	q.items, q.head = q.items[:0], 0
}

// unanswered takes back that the next n commands are due a reply.
func (q *queues) unanswered(s *Session, n int) {
	for range n {
		ex := s.Pending.Pop()
		ex.Flags |= NoReplyDue
		s.Shared.Release(ex)
	}
}
