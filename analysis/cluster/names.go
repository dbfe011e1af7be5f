package cluster

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// nameWidth is the length of the longest host name, RFC 1035 section 2.3.4.
const nameWidth = 255

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

// hostNames are the host names that nodes announce, with the addresses that they stand for.
type hostNames struct {
	known   map[string]netip.AddrPort // "host:port" in lower case, as it was announced
	asked   []askedName
	limit   *bound.Bound
	waiting *bound.Bound
}

// askedName is a name that a client was sent to, and that waits for the connection that shows its address.
type askedName struct {
	client netip.Addr
	name   string
	port   uint16
	at     capture.Time
}

// resolve turns a redirect's target into an address and port. name is the target as sent, safe to use as a key only.
func (h *hostNames) resolve(server netip.AddrPort, rd *resp.Redirect) (target netip.AddrPort, how Resolution, name string) {
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
	name = nameKey(string(rd.Host), port)
	if a, ok := h.known[name]; ok {
		return a, ByName, name
	}
	return netip.AddrPort{}, Unresolved, name
}

func nameKey(host string, port uint16) string {
	return strings.ToLower(host) + ":" + strconv.Itoa(int(port))
}

// learn notes what a name stands for; the latest word counts.
func (h *hostNames) learn(host string, addr netip.AddrPort) {
	if host == "" || host == "?" || len(host) > nameWidth || !addr.IsValid() {
		return
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return
	}
	h.set(nameKey(host, addr.Port()), addr)
}

// set gives a name its address, if there is room.
func (h *hostNames) set(name string, addr netip.AddrPort) {
	if _, ok := h.known[name]; ok || h.limit.Admits(len(h.known)) {
		h.known[name] = addr
	}
}

// ask remembers that a client was sent to a name that the capture does not explain yet.
func (h *hostNames) ask(client netip.Addr, name string, port uint16, at capture.Time) {
	if name == "" {
		return
	}
	for i := range h.asked {
		if a := &h.asked[i]; a.client == client && a.name == name {
			a.at = max(a.at, at)
			return
		}
	}
	if len(h.asked) >= h.waiting.Limit {
		h.asked = slices.DeleteFunc(h.asked, func(a askedName) bool { return at.Sub(a.at) >= followWindow })
	}
	if h.waiting.Admits(len(h.asked)) {
		h.asked = append(h.asked, askedName{client, name, port, at})
	}
}

// connecting takes a client's SYN: the first one to a redirect's port shows what the redirect's name stands for.
func (h *hostNames) connecting(client netip.Addr, server netip.AddrPort, at capture.Time) {
	if len(h.asked) == 0 {
		return
	}
	h.asked = slices.DeleteFunc(h.asked, func(a askedName) bool {
		d := at.Sub(a.at)
		hit := a.client == client && a.port == server.Port() && d >= 0 && d < followWindow
		if _, known := h.known[a.name]; hit && !known {
			h.set(a.name, server)
		}
		return hit || d >= followWindow
	})
}
