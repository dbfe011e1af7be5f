package pairing

import "github.com/respsniff/respsniff/resp"

func sentSubscribe(_ *mode, req *resp.Request, ex *Exchange) {
	ex.Flags |= Subscribing
	ex.due = max(req.NArgs-1, 1) // UNSUBSCRIBE without arguments: one for each channel, at least one
}

// isConfirmation recognises the reply that SUBSCRIBE and its family give for each channel. An array of another command
// may look the same: only the oldest pending command decides between them.
func isConfirmation(r *resp.Reply) bool { return confirmation(r) >= 0 }

// isMessage recognises what a RESP2 subscriber gets.
func isMessage(r *resp.Reply) bool {
	if r.Kind != resp.Array || len(r.Elems) < 3 || r.N > 4 {
		return false
	}
	switch string(r.Elems[0].Text) {
	case "message", "pmessage", "smessage":
		return r.Elems[0].Kind == resp.Bulk
	}
	return false
}

// confirmation returns 0 for channels, 1 for patterns, 2 for shard channels, plus 3 where it ends a subscription, and
// -1 for anything else.
func confirmation(r *resp.Reply) int {
	if len(r.Elems) != 3 || r.Kind != resp.Push && r.Kind != resp.Array || r.Elems[0].Kind != resp.Bulk || r.Elems[2].Kind != resp.Integer {
		return -1
	}
	switch string(r.Elems[0].Text) {
	case "subscribe":
		return 0
	case "psubscribe":
		return 1
	case "ssubscribe":
		return 2
	case "unsubscribe":
		return 3
	case "punsubscribe":
		return 4
	case "sunsubscribe":
		return 5
	}
	return -1
}

// confirm moves the subscription counts by a confirmation. The third element counts channels and patterns together,
// and shard channels by themselves.
func (m *mode) confirm(r *resp.Reply) {
	kind := confirmation(r)
	m.Subs = int(max(r.Elems[2].N, 0))
	// The count of what is left is of channels and patterns together, and does not change where the client subscribes
	// again, or unsubscribes from what it had not subscribed to.
	same := kind%3 != 2 && m.Subs == m.kinds[0]+m.kinds[1] || kind%3 == 2 && m.Subs == m.kinds[2]
	switch {
	case same:
	case kind < 3:
		m.kinds[kind]++
	case m.kinds[kind-3] > 0:
		m.kinds[kind-3]--
	}
	if kind%3 == 2 {
		m.kinds[2] = m.Subs
		m.Subs += m.kinds[0] + m.kinds[1]
	} else {
		m.Subs += m.kinds[2]
	}
}
