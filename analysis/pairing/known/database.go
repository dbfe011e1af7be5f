package known

import (
	"net/netip"
	"strconv"

	"github.com/respsniff/respsniff/resp"
)

// UnknownDatabase is the database of a connection that began before the capture, until it selects one.
const UnknownDatabase = -1

// Database is the one that a connection has selected.
type Database struct {
	Number int
	Place  uint64
	Last   Answer // what was last read there
	server netip.AddrPort
	before int // until the latest SELECT
}

// NewDatabase is the first database of a connection.
func NewDatabase(server netip.AddrPort, number int) Database {
	return Database{Number: number, Place: Place(server, number), server: server}
}

// Enter takes that what follows is meant for another database.
func (d *Database) Enter(number int) {
	d.before, d.Number, d.Place = d.Number, number, Place(d.server, number)
}

// Select takes a SELECT when it is sent: what stands behind it in the same write counts on it.
func (d *Database) Select(req *resp.Request) {
	if len(req.Args) != 2 {
		return
	}
	if n, err := strconv.ParseUint(string(req.Args[1].Bytes), 10, 16); err == nil {
		d.Enter(int(n))
	}
}

// Refused takes that the latest SELECT failed.
func (d *Database) Refused() { d.Enter(d.before) }
