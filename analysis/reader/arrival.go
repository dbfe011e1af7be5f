package reader

import (
	"math"
	"slices"

	"github.com/respsniff/respsniff/capture"
)

// Where the snapshot length takes the framing of what the server sent, the segments still say when its bytes came.

// arrival is a segment of the server that was cut short.
type arrival struct {
	time capture.Time
	end  int64 // place behind it
}

// Came tells that a segment of the server was captured in part only: all bytes before a place were there.
func (c *Conn) Came(at capture.Time, end int64) {
	if n := len(c.arrivals); c.judged || n > 0 && end <= c.arrivals[n-1].end {
		return
	} else if n >= maxWrites {
		c.arrivals = c.arrivals[:0]
	}
	c.arrivals = append(c.arrivals, arrival{at, end})
}

// framed forgets the arrivals of a reply that directly follows the one before it.
func (c *Conn) framed(start, end int64) {
	last := c.seen
	if n := len(c.replies); n > 0 {
		last = c.replies[n-1].end
	}
	if start != last {
		return
	}
	n := len(c.arrivals)
	for n > 0 && c.arrivals[n-1].end > end {
		n--
	}
	c.arrivals = slices.Delete(c.arrivals, 0, n)
}

// arrived returns when a lost reply between two places came that its client had asked for at a time, by the first segment
// there since; sure says that it was in no other. NaN: it was in none.
func (v *view) arrived(after, before int64, asked float64, sec func(capture.Time) float64) (at float64, sure bool) {
	list := v.c.arrivals
	i, _ := slices.BinarySearchFunc(list, after+1, func(a arrival, place int64) int { return int(a.end - place) })
	for ; i < len(list); i++ {
		if sec(list[i].time) < asked-jitter {
			continue
		}
		return sec(list[i].time), i+1 == len(list) || list[i].end >= before
	}
	return math.NaN(), false
}
