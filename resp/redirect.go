package resp

import "bytes"

// RedirectKind is which of the two redirections of Redis cluster it is.
type RedirectKind uint8

// Redirections.
const (
	Moved RedirectKind = iota + 1 // the slot lives on the other node
	Ask                           // this one request is to be tried on the other node, after ASKING
)

func (k RedirectKind) String() string {
	switch k {
	case Moved:
		return "MOVED"
	case Ask:
		return "ASK"
	}
	return "none"
}

// Redirect is a redirection by a cluster node: "MOVED 3999 192.0.2.1:6381". Host and what it points to are borrowed
// from the line.
type Redirect struct {
	Kind RedirectKind
	Slot uint16
	// Host is an address or name, an IPv6 address without brackets. It is empty for "the host you asked" and "?" where
	// the node is configured to announce a host name and has none.
	Host []byte
	Port uint16
}

// ParseRedirect reads the line of an error reply, with or without its '-'. The port stands behind the last colon, since
// Redis writes IPv6 addresses without brackets.
func ParseRedirect(line []byte) (Redirect, bool) {
	line = bytes.TrimPrefix(line, []byte("-"))
	var r Redirect
	rest, ok := bytes.CutPrefix(line, []byte("MOVED "))
	r.Kind = Moved
	if !ok {
		if rest, ok = bytes.CutPrefix(line, []byte("ASK ")); !ok {
			return Redirect{}, false
		}
		r.Kind = Ask
	}
	slot, addr, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return Redirect{}, false
	}
	n, ok := ParseInt(slot)
	if !ok || n < 0 || n >= Slots {
		return Redirect{}, false
	}
	r.Slot = uint16(n)
	addr = bytes.TrimRight(addr, " \r\n")
	if i := bytes.IndexByte(addr, ' '); i >= 0 {
		addr = addr[:i]
	}
	colon := bytes.LastIndexByte(addr, ':')
	if colon < 0 {
		return Redirect{}, false
	}
	port, ok := ParseInt(addr[colon+1:])
	if !ok || port < 0 || port > 65535 {
		return Redirect{}, false
	}
	r.Port = uint16(port)
	r.Host = addr[:colon]
	if n := len(r.Host); n > 1 && r.Host[0] == '[' && r.Host[n-1] == ']' {
		r.Host = r.Host[1 : n-1]
	}
	return r, true
}
