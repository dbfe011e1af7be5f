package tlsrecord

import (
	"fmt"
	"slices"

	"github.com/respsniff/respsniff/internal/keylog"
)

// Kept gathers the secrets of some connections, as text of a key log: for who wants them to go with their packets.
type Kept struct {
	Text  []byte
	conns []int64 // by reassembly.Conn.ID
}

// Keep gathers the secrets of connections with these numbers.
func Keep(conns []int64) *Kept { return &Kept{conns: conns} }

// Format keeps secrets out of whatever is printed.
func (*Kept) Format(s fmt.State, _ rune) { fmt.Fprint(s, "(secrets)") }

// take notes what opened a connection that is over. Nothing did where no record was read.
func (k *Kept) take(id int64, c *conn, keys *keylog.Log) {
	if k == nil || !slices.Contains(k.conns, id) || c.search != found || c.info.Read == 0 {
		return
	}
	random := c.random
	if c.hello.client {
		random = c.hello.clientRandom
	}
	var first, other keylog.Secrets
	if s, ok := keys.Find(random); ok {
		if first = *s; s.Other != nil {
			other = *s.Other
		}
	}
	if c.master != nil { // that of the session which it resumes, too
		first.Master = c.master
	}
	for _, of := range []*keylog.Secrets{&first, &other} {
		for _, line := range []struct {
			label  string
			secret []byte
		}{{"CLIENT_RANDOM", of.Master}, {"CLIENT_TRAFFIC_SECRET_0", of.Client}, {"SERVER_TRAFFIC_SECRET_0", of.Server}} {
			if line.secret != nil {
				k.Text = fmt.Appendf(k.Text, "%s %x %x\n", line.label, random[:], line.secret)
			}
		}
	}
}
