package cluster

import (
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// NodeConn is one connection's place in the topology. Begin comes first, then Connecting with a SYN, Segment with every
// segment before anything else looks at it, Sent with each command and Answered with each reply that was tied to one.
type NodeConn struct {
	topology *Topology
	conn     *pairing.Session
	node     *node        // nil before the first command, after the end, and beyond the bound
	view     *clusterView // of its client; nil while nothing shows a cluster, and beyond the bound
	viewless bool         // beyond the bound
	tap      *replyTap    // collects the bytes of a slot map that was asked for
	asking   int          // command number of the last ASKING
	blocked  int          // commands that block it
	queued   capture.Time // of its last command, by which it is in the node's queue
}

// Begin makes c the place of a connection.
func (c *NodeConn) Begin(t *Topology, conn *pairing.Session) { *c = NodeConn{topology: t, conn: conn} }

// Connecting takes the client's SYN.
func (c *NodeConn) Connecting(at capture.Time) {
	c.topology.names.connecting(c.conn.Client.Addr(), c.conn.Server, at)
}

// FromClient is all of Segment for a segment of the client that is Plain. It is inlined.
func (c *NodeConn) FromClient(seg *reassembly.Segment) {
	d := &c.topology.stalls
	d.latest = max(d.latest, seg.Time)
}

// FromServer is all of Segment for a segment of the server that is Plain: by bytes and by its close a server's process shows
// that it runs.
func (c *NodeConn) FromServer(seg *reassembly.Segment) {
	n, d := c.node, &c.topology.stalls
	d.latest = max(d.latest, seg.Time)
	if n == nil || seg.Length == 0 && seg.Flags&reassembly.FIN == 0 {
		return
	}
	if seg.Time.Sub(n.last) >= d.shortest && n.last > 0 {
		d.silence(n, seg)
	} else if n.stall != nil {
		n.answer(seg)
	}
	if len(n.departed) > 0 {
		n.departed = n.departed[:0]
	}
	if seg.Time > n.last {
		n.last, n.lastFrame = seg.Time, seg.Frame
		n.asking.forget(n.last.Add(-overtakenBy))
	}
	if c.tap != nil {
		c.tap.feed(seg)
	}
}

// Segment takes a segment before anything is made of its bytes: what servers send shows that their processes run.
func (c *NodeConn) Segment(seg *reassembly.Segment) {
	t, s := c.topology, c.conn
	if seg.End == reassembly.NotEnded && (seg.Length > 0 || seg.Repeated == 0) {
		t.stalls.latest = max(t.stalls.latest, seg.Time)
	}
	n := c.node
	if n == nil {
		if seg.Missing > 0 && s.RoleKnown { // its first command may be what was lost
			if n = t.nodeOf(s.Server); n != nil {
				n.lossy = true
			}
		}
		return
	}
	if seg.Missing > 0 || seg.From == s.ClientSide && seg.Flags&reassembly.RST != 0 && resetUnseen(s) {
		n.lossy = true
	}
	if seg.End != reassembly.NotEnded {
		c.leave(min(seg.Time, t.stalls.latest))
		return
	}
	if seg.From == s.ClientSide && seg.Length > len(seg.Payload) && !seg.Sealed {
		n.unsure = max(n.unsure, seg.Time.Add(longestPause)) // it may hold CLIENT PAUSE
	}
	if seg.From != s.ClientSide && (seg.Length > 0 || seg.Flags&reassembly.FIN != 0) {
		c.FromServer(seg)
	}
}

// leave takes the connection off its node; what it waited for is remembered until the process gives a sign of life.
func (c *NodeConn) leave(at capture.Time) {
	n, s := c.node, c.conn
	if w, ok := waitingSince(s, max(n.last, n.paused)); ok && c.topology.limits.departed.Admits(len(n.departed)) {
		w.until = at
		n.departed = append(n.departed, w)
	}
	if acked := s.AckSeen[pairing.RoleClient]; acked != reassembly.NoAck && acked > s.Answers.Offset()+1 && s.Fed[pairing.RoleServer] {
		n.lossy = true // the client received bytes that the capture has not; one more may be the server's FIN
	}
	if c.blocked > 0 {
		c.unblocked(c.blocked, at)
	}
	c.node, c.tap = nil, nil
}

// resetUnseen reports whether a reset by a client that has closed already answers something the capture has not: a kernel
// resets such a connection when more data arrives (RFC 9293 section 3.10.7.4). It does so too where the program shut the
// connection down and closes it with a reply in the buffer (RFC 1122 section 4.2.2.13): then all that was due is there.
func resetUnseen(s *pairing.Session) bool {
	closed, server := &s.Closing[pairing.RoleClient], &s.Closing[pairing.RoleServer]
	replied := s.LastData[pairing.RoleServer].Time
	return closed.Fin && !server.Fin && !server.Rst && replied < closed.Time && replied <= s.LastData[pairing.RoleClient].Time
}

// Sent notes where a client sends a command.
func (c *NodeConn) Sent(ex *pairing.Exchange, req *resp.Request) {
	t := c.topology
	if ex.Index == 1 {
		c.node = t.nodeOf(c.conn.Server)
	}
	n := c.node
	if n == nil {
		return
	}
	if ex.Flags&(pairing.Blocks|pairing.Queued) == pairing.Blocks {
		c.blocking()
	}
	if ex.HasKey && !t.active {
		n.asking.push(c, ex.EndTime)
		return // no command with a key is one of those below
	}
	n.asking.push(c, ex.EndTime)
	switch cmd := ex.Command; {
	case cmd == nil:
	case cmd == t.askingCommand:
		c.asking = ex.Index
	case cmd == t.pauseCommand || cmd == t.clientCommand:
		c.node.pause(ex, req, cmd == t.pauseCommand)
	case t.formOf(cmd) != resp.NoSlotMap:
		c.tap = &replyTap{limit: t.limits.mapBytes}
	}
	if !t.active {
		return
	}
	if slot, ok := ex.Slot(); ok {
		if v := c.ofClient(); v != nil {
			v.send(slot, c.node, ex, c.afterAsking(ex))
		}
	}
}

// afterAsking reports whether ASKING stood directly before a command.
func (c *NodeConn) afterAsking(ex *pairing.Exchange) bool {
	return c.asking > 0 && c.asking == ex.Index-1
}

// ofClient returns how the connection's client sees its cluster; nil beyond the bound.
func (c *NodeConn) ofClient() *clusterView {
	if c.view == nil && !c.viewless {
		c.view = c.topology.viewOf(c.conn.Client.Addr())
		c.viewless = c.view == nil
	}
	return c.view
}

// Answered learns from a reply which node serves what, and emits redirects.
func (c *NodeConn) Answered(ex *pairing.Exchange, reply *resp.Reply) {
	t := c.topology
	if c.node == nil {
		return
	}
	if n := c.node; n.blocked > 0 || n.unblocked >= ex.EndTime {
		if ex.Flags&(pairing.Blocks|pairing.Queued) == pairing.Blocks && c.blocked > 0 {
			c.unblocked(1, ex.Serves.Time)
		}
		n.other(ex)
	}
	if reply.Kind != resp.Error && !t.active && c.tap == nil {
		if n := c.node; n.keyed.N < latencySample || ex.Verb == pairing.VerbPing {
			n.latency(ex)
		}
		return
	}
	if c.tap != nil {
		if form := t.formOf(ex.Command); form != resp.NoSlotMap {
			c.mapped(form, ex, reply)
		}
	}
	if reply.Kind == resp.Error {
		if rd, ok := resp.ParseRedirect(reply.Text); ok && ex.Contradiction == "" && c.mayMove(ex, rd.Slot) {
			c.redirected(ex, rd)
		}
		return
	}
	if cmd := ex.Command; cmd != nil && (cmd == t.askingCommand || t.formOf(cmd) != resp.NoSlotMap) {
		c.node.clustered = true // else these are errors
	}
	c.node.latency(ex)
	if !t.active || ex.Contradiction != "" || ex.Flags&(pairing.Uncertain|pairing.Queued) != 0 {
		return
	}
	if slot, ok := ex.Slot(); ok {
		if !c.afterAsking(ex) {
			t.serves(c.node, slot, ex.Serves.Time)
		}
		if c.view != nil {
			c.view.data(slot, ex.Serves.Time)
		}
	}
}

// serves notes that a node gave data for a slot.
func (t *Topology) serves(n *node, slot uint16, at capture.Time) {
	if n.slots == nil {
		if n.unfollowed {
			return
		}
		if n.unfollowed = !t.limits.slotNodes.Admits(t.slotNodes); n.unfollowed {
			return
		}
		t.slotNodes++
		n.slots = new([resp.Slots]capture.Time)
	}
	n.slots[slot] = at
}

// mayMove reports whether a redirect for this slot can be about the command: its key is in the slot, or its keys were not
// captured whole. A script may return any error, and a command that is not known too: their redirects count from a node that has
// shown to be one of a cluster.
func (c *NodeConn) mayMove(ex *pairing.Exchange, slot uint16) bool {
	own, known := ex.Slot()
	switch cmd := ex.Command; {
	case known && own != slot:
		return false
	case cmd == nil:
		return c.node.clustered
	case cmd.Flags&commands.Scripting != 0:
		return known && c.node.clustered
	case known:
		c.node.clustered = true
		return true
	default:
		return cmd.HasKeys()
	}
}
