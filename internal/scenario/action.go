package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is what an action puts on the wire.
type kind uint8

const (
	actData kind = iota
	actSYN
	actRefusedSYN
	actUnansweredSYN
	actFIN
	actRST
	actBareRST
	actACK
	actKeepalive
	actAgain
)

// action is a conversation statement: what one side's program does, at the time the capture shows.
type action struct {
	at       time.Duration
	conn     *connection
	from     side
	kind     kind
	command  int // number of the first request in it, from 1; 0: none
	payload  []byte
	borders  []int // offsets in payload at which a segment ends
	number   int   // actAgain: data segment, from 1; 0: the last
	window   int   // window update in bytes, or -1
	ack      int64 // relative, or -1: what the kernel has
	ttl      int   // 0: the connection's
	ipid     int   // -1: the next
	unseen   bool
	lost     bool
	twice    bool          // captured twice, as by a mirror port
	late     time.Duration // how much later than sent it passes the capture point
	fin      bool
	noPush   bool
	partFrom int
	partTo   int
}

// newAction returns an action that changes nothing of what the kernel would do.
func newAction(c *connection, from side) action {
	return action{conn: c, from: from, window: -1, ack: -1, ipid: -1, partTo: -1}
}

// modify reads a word between the connection's name and the arrow.
func (a *action) modify(word string) error {
	key, value, _ := strings.Cut(word, "=")
	number := func(to *int, most int) (err error) {
		if *to, err = strconv.Atoi(value); err != nil || *to < 0 || *to > most {
			return fmt.Errorf("%s: %q is no proper value", key, value)
		}
		return nil
	}
	switch key {
	case "unseen":
		a.unseen = true
	case "lost":
		a.lost = true
	case "twice":
		a.twice = true
	case "late":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return fmt.Errorf("late: %q is no duration", value)
		}
		a.late = d
	case "fin":
		a.fin = true
	case "nopush":
		a.noPush = true
	case "ttl":
		return number(&a.ttl, 255)
	case "ipid":
		return number(&a.ipid, 65535)
	case "ack":
		n := 0
		err := number(&n, 1<<31)
		a.ack = int64(n)
		return err
	case "split":
		for _, v := range strings.Split(value, ",") {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				return fmt.Errorf("split: %q is no byte count", v)
			}
			a.borders = append(a.borders, n)
		}
		slices.Sort(a.borders)
	case "part":
		from, to, ok := strings.Cut(value, "..")
		var err error
		if a.partFrom, err = strconv.Atoi(from); !ok || err != nil || a.partFrom < 0 {
			return fmt.Errorf("part: %q is not FROM..TO", value)
		}
		if to != "" {
			if a.partTo, err = strconv.Atoi(to); err != nil || a.partTo < 0 {
				return fmt.Errorf("part: %q is not FROM..TO", value)
			}
		}
	default:
		return fmt.Errorf("unknown modifier %q", word)
	}
	return nil
}

// segmentCount says how many segments the payload of an action takes.
func segmentCount(a *action) int {
	n := 0
	for off := 0; off < len(a.payload); n++ {
		off = segmentEnd(a, off)
	}
	return n
}

// segmentEnd gives the place where the segment that begins at off ends.
func segmentEnd(a *action, off int) int {
	end := min(len(a.payload), off+a.conn.segmentSize(a.from))
	for _, b := range a.borders {
		if b > off && b < end {
			return b
		}
	}
	return end
}
