package report

import (
	"fmt"
	"net/netip"

	"github.com/respsniff/respsniff/analysis/incident"
)

// examplePlace says where an example was seen: "connection 7, 10.0.0.1:42000 -> 10.0.0.2:6379". What is true of many
// connections at once has no number.
func examplePlace(e *incident.Example) string {
	place := endpoints(e.Client, e.Server)
	switch {
	case e.Conn == 0:
		return orDash(place)
	case place == "":
		return fmt.Sprintf("connection %d", e.Conn)
	}
	return fmt.Sprintf("connection %d, %s", e.Conn, place)
}

// endpoints names both ends, without the port where none is known.
func endpoints(client, server netip.AddrPort) string {
	switch {
	case !client.IsValid():
		return endText(server)
	case !server.IsValid():
		return endText(client)
	}
	return endText(client) + " -> " + endText(server)
}

func endText(a netip.AddrPort) string {
	if a.Port() == 0 {
		return addrText(a.Addr())
	}
	return addrPortText(a)
}
