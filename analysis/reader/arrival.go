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

// framed forgets the arrivals of a reply that directly follows the one before it.
func framed(c *Conn, start, end int64) {
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

// arrivedIn returns when a lost reply between two places came that its client had asked for at a time, by the first segment
// there since; sure says that it was in no other. NaN: it was in none.
func arrivedIn(v *view, after, before int64, asked float64, sec func(capture.Time) float64) (at float64, sure bool) {
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
