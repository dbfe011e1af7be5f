package report

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
)

// examplePlace says where an example was seen: "connection 7, 10.0.0.1:42000 -> 10.0.0.2:6379". What is true of many
// connections at once has no number.
func ExamplePlace(e *incident.Example) string {
	place := endpoints(e.Client, e.Server)
	switch {
	case e.Conn == 0:
		return OrDash(place)
	case place == "":
		return fmt.Sprintf("connection %d", e.Conn)
	}
	return fmt.Sprintf("connection %d, %s", e.Conn, place)
}

// endpoints names both ends, without the port where none is known.
func endpoints(client, server netip.AddrPort) string {
	switch {
	case !client.IsValid():
		return EndText(server)
	case !server.IsValid():
		return EndText(client)
	}
	return EndText(client) + " -> " + EndText(server)
}

func EndText(a netip.AddrPort) string {
	if a.Port() == 0 {
		return AddrText(a.Addr())
	}
	return AddrPortText(a)
}

// FramesText lists frame numbers.
func FramesText(frames []int64) string {
	words := make([]string, len(frames))
	for i, n := range frames {
		words[i] = Itoa(n)
	}
	return strings.Join(words, " ")
}

// Itoa prints a number as it is.
func Itoa(n int64) string { return strconv.FormatInt(n, 10) }
