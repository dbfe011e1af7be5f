package analysis

import (
	"net/netip"
	"strings"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// Bounds of what is kept of clusters.
const (
	maxViews      = 512  // client addresses that are followed through a cluster, at 56 KiB and a slot map each
	maxSlotNodes  = 256  // nodes of which it is remembered what they serve, at 128 KiB each
	maxMaps       = 256  // nodes whose own slot map is kept
	maxNames      = 1024 // host names
	maxNamesAsked = 64   // names that wait for the connection that shows their address
	nameWidth     = 255  // longest host name, RFC 1035 section 2.3.4
)

// followWindow is how soon after a redirect a client goes where it points.
const followWindow = 2 * time.Second

// topology is what a run knows of servers, and of the clusters they form.
type topology struct {
	nodes  map[netip.AddrPort]*node
	active bool // a redirect or a slot map was seen: keyed commands are followed
	views  map[netip.Addr]*clusterView
	names  map[string]netip.AddrPort // "host:port" in lower case, as it was announced
	asked  []askedName
	storms []*MovedStorm
	event  Redirected

	news            capture.Time // latest packet of any connection that was no repetition
	slotNodes, maps int          // that have slots, that have given a map

	askingCommand, clientCommand, pauseCommand *commands.Command
	mapCommands                                [3]*commands.Command
}

// askedName is a name that a client was sent to.
type askedName struct {
	client netip.Addr
	name   string
	port   uint16
	at     capture.Time
}

func (t *topology) prepare() {
	t.nodes, t.views, t.names = map[netip.AddrPort]*node{}, map[netip.Addr]*clusterView{}, map[string]netip.AddrPort{}
	t.askingCommand, t.clientCommand, t.pauseCommand = commandNamed("ASKING"), commandNamed("CLIENT"), commandNamed("CLIENT", "PAUSE", "0")
	t.mapCommands = [3]*commands.Command{commandNamed("CLUSTER", "SLOTS"), commandNamed("CLUSTER", "SHARDS"), commandNamed("CLUSTER", "NODES")}
}

func commandNamed(words ...string) *commands.Command {
	req := resp.Request{NArgs: len(words)}
	for _, w := range words {
		req.Args = append(req.Args, resp.Arg{Bytes: []byte(w), Len: len(w)})
	}
	return commands.Lookup(&req)
}

// locate notes where a client sends a command.
func (r *Run) locate(s *Session, ex *Exchange, req *resp.Request) {
	t, st := &r.topology, &s.topo
	if s.commands == 1 {
		st.node = r.nodeOf(s.Server)
	}
	if st.node == nil {
		return
	}
	st.node.asking.push(s, ex.EndTime)
	switch c := ex.Command; {
	case c == nil:
	case c == t.askingCommand:
		st.asking = ex.Index
	case c == t.mapCommands[0], c == t.mapCommands[1], c == t.mapCommands[2]:
		st.tap = &replyTap{}
	case c == t.pauseCommand || c == t.clientCommand:
		st.node.pause(ex, req, c == t.pauseCommand)
	}
	if t.active {
		if slot, ok := ex.Slot(); ok {
			if st.view == nil {
				st.view = t.viewOf(s.Client.Addr())
			}
			if st.view != nil {
				st.view.send(slot, st.node, ex, st.asking > 0 && st.asking == ex.Index-1)
			}
		}
	}
}

// place learns from a reply which node serves what, and emits redirects.
func (r *Run) place(s *Session, ex *Exchange, reply *resp.Reply) {
	t, st := &r.topology, &s.topo
	if st.node == nil {
		return
	}
	if st.tap != nil && (ex.Command == t.mapCommands[0] || ex.Command == t.mapCommands[1] || ex.Command == t.mapCommands[2]) {
		r.mapped(s, ex, reply)
	}
	if reply.Kind == resp.Error {
		if rd, ok := resp.ParseRedirect(reply.Text); ok && ex.contradiction == "" && ex.mayMove(rd.Slot) {
			r.redirected(s, ex, rd)
		}
		return
	}
	st.node.latency(ex)
	if !t.active {
		return
	}
	if slot, ok := ex.Slot(); ok && ex.contradiction == "" && ex.Flags&(Uncertain|Queued) == 0 {
		after := st.asking > 0 && st.asking == ex.Index-1
		if !after {
			if st.node.slots == nil && t.slotNodes < maxSlotNodes {
				t.slotNodes++
				st.node.slots = new([resp.Slots]capture.Time)
			}
			if st.node.slots != nil {
				st.node.slots[slot] = ex.Serves.Time
			}
		}
		if st.view != nil {
			st.view.data(slot, ex.Serves.Time)
		}
	}
}

// mayMove reports whether a redirect for this slot can be about the command: its key is in the slot, or its keys were not
// captured whole.
func (ex *Exchange) mayMove(slot uint16) bool {
	if own, ok := ex.Slot(); ok {
		return own == slot
	}
	return ex.Command == nil || ex.Command.HasKeys()
}

// Served returns when a node last gave data for a slot without ASKING, which proves that it served the slot then. It
// knows this only from the first sign of a cluster on.
func (r *Run) Served(server netip.AddrPort, slot uint16) (at capture.Time, ok bool) {
	n := r.topology.nodes[server]
	if n == nil || n.slots == nil || slot >= resp.Slots {
		return 0, false
	}
	at = n.slots[slot]
	return at, at != 0
}

// Known reports whether a server was ever heard in this capture: its process sent a byte.
func (r *Run) Known(server netip.AddrPort) bool {
	n := r.topology.nodes[server]
	return n != nil && n.last > 0
}

// Resolution says how a redirect's target was turned into an address.
type Resolution uint8

// Ways to understand a target.
const (
	Unresolved  Resolution = iota // a name that the capture does not explain
	Literal                       // an address
	SameHost                      // an empty host: the host that was asked
	Placeholder                   // "?": the node has no host name to announce; taken as the host that was asked
	ByName                        // a name whose address the capture has shown
)

// resolve turns a redirect's target into an address and port. name is the target as sent, safe to use as a key only.
func (t *topology) resolve(server netip.AddrPort, rd *resp.Redirect) (netip.AddrPort, Resolution, string) {
	port := rd.Port
	switch host := string(rd.Host); host {
	case "":
		return netip.AddrPortFrom(server.Addr(), port), SameHost, ""
	case "?":
		return netip.AddrPortFrom(server.Addr(), port), Placeholder, host
	}
	if addr, err := netip.ParseAddr(string(rd.Host)); err == nil {
		return netip.AddrPortFrom(addr.Unmap().WithZone(""), port), Literal, ""
	}
	if len(rd.Host) > nameWidth {
		return netip.AddrPort{}, Unresolved, ""
	}
	name := nameKey(string(rd.Host), port)
	if a, ok := t.names[name]; ok {
		return a, ByName, name
	}
	return netip.AddrPort{}, Unresolved, name
}

func nameKey(host string, port uint16) string {
	return strings.ToLower(host) + ":" + decimalText(port)
}

// learnName notes what a name stands for; the latest word counts.
func (t *topology) learnName(host string, addr netip.AddrPort) {
	if host == "" || host == "?" || len(host) > nameWidth || !addr.IsValid() {
		return
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return
	}
	key := nameKey(host, addr.Port())
	if _, ok := t.names[key]; ok || len(t.names) < maxNames {
		t.names[key] = addr
	}
}

// askName remembers that a client was sent to a name that the capture does not explain yet.
func (t *topology) askName(client netip.Addr, name string, port uint16, at capture.Time) {
	if name == "" || len(t.asked) >= maxNamesAsked {
		return
	}
	t.asked = append(t.asked, askedName{client, name, port, at})
}

// connecting takes a client's SYN: the first one to a redirect's port shows what the redirect's name stands for.
func (r *Run) connecting(s *Session, seg *reassembly.Segment) {
	t := &r.topology
	for i := 0; i < len(t.asked); {
		a := t.asked[i]
		d := seg.Time.Sub(a.at)
		hit := a.client == s.Client.Addr() && a.port == s.Server.Port() && d >= 0 && d < followWindow
		if hit {
			if _, known := t.names[a.name]; !known && len(t.names) < maxNames {
				t.names[a.name] = s.Server
			}
		}
		if hit || d >= followWindow {
			t.asked = append(t.asked[:i], t.asked[i+1:]...)
			continue
		}
		i++
	}
}
