package capture

import (
	"net"
	"net/netip"
)

// ListInterfaces returns what OpenLive can be asked for, in the order of the system, AnyInterface last where it works.
// It needs no rights.
func ListInterfaces() ([]LiveInterface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []LiveInterface
	for _, n := range all {
		i := LiveInterface{Name: n.Name, Up: n.Flags&net.FlagUp != 0, Loopback: n.Flags&net.FlagLoopback != 0, Link: linkOf(n.Name)}
		addrs, _ := n.Addrs() // an interface that has just gone away has none
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				i.Addrs = append(i.Addrs, p)
			}
		}
		list = append(list, i)
	}
	if liveAny {
		list = append(list, LiveInterface{Name: AnyInterface, Link: linkOf(AnyInterface), Up: true})
	}
	return list, nil
}
