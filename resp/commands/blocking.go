package commands

import (
	"math"
	"strconv"
	"time"

	"github.com/respsniff/respsniff/resp"
)

// block says where the timeout of a blocking command stands and in which unit.
type block uint8

const (
	blockNever block = iota
	blockFirstSeconds
	blockLastSeconds
	blockLastMillis
	blockOption // milliseconds behind BLOCK, which may be missing
)

// MayBlock reports whether there are requests of this command that make the server wait before it answers.
func (c *Command) MayBlock() bool { return c.block != blockNever }

// BlockTimeout says whether the request may make the server wait before it answers, and for how long at most: 0 is for
// ever. A timeout that was not captured counts as for ever. Inside a transaction or script nothing blocks.
func (c *Command) BlockTimeout(req *resp.Request) (d time.Duration, blocks bool) {
	if c != nil && c.block != blockNever {
		d, blocks = c.timeout(req)
	}
	return
}

// timeout is BlockTimeout for the few commands that block: the question itself is inlined.
func (c *Command) timeout(req *resp.Request) (d time.Duration, blocks bool) {
	var a resp.Arg
	unit := time.Second
	switch c.block {
	case blockFirstSeconds:
		a, _ = req.Arg(1)
	case blockLastSeconds:
		a = req.Last
	case blockLastMillis:
		a, unit = req.Last, time.Millisecond
	case blockOption:
		unit = time.Millisecond
		found := false
		i := 1
		if resp.EqualFold(req.Args[0].Bytes, "XREADGROUP") {
			i = 4 // behind GROUP group consumer
		}
		for ; i+1 < len(req.Args) && !resp.EqualFold(req.Args[i].Bytes, "STREAMS"); i++ {
			if resp.EqualFold(req.Args[i].Bytes, "BLOCK") {
				a, found = req.Args[i+1], true
				break
			}
		}
		if !found {
			return 0, false
		}
	}
	if !a.Whole() || a.Len > 32 {
		return 0, true
	}
	f, err := strconv.ParseFloat(string(a.Bytes), 64)
	if err != nil || !(f > 0) || f*float64(unit) >= math.MaxInt64 {
		return 0, true
	}
	return time.Duration(f * float64(unit)), true
}
