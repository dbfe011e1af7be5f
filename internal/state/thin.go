package state

import "slices"

// Packets at both ends of an open connection that are kept: its set-up, and what is under way.
const (
	keptHead = 64
	keptTail = 256
)

// thin gives up packets from the middle of an open connection, and returns how many.
func (c *conn) thin() int {
	from, to := keptHead, len(c.packets)-max(keptTail, len(c.packets)/2)
	if from >= to {
		return 0
	}
	for _, h := range c.packets[from:to] {
		c.bytes -= h.size()
	}
	c.packets = slices.Delete(c.packets, from, to)
	return to - from
}
