package reassembly

import "github.com/respsniff/respsniff/internal/bound"

// limits are those that hide something of the traffic when they are reached.
type limits struct {
	conns                               *bound.Bound
	buffered, holeBytes, holePackets    *bound.Bound // of all connections, of one direction, of one connection
	fragmented, fragments, fragmentData *bound.Bound
}

func newLimits(set *bound.Set, o *Options) limits {
	evidence := func(name string, limit int, hides string) *bound.Bound {
		return set.New(bound.Bound{Name: name, Limit: limit, Hides: hides, Loses: bound.Evidence})
	}
	const late = "bytes that came late, on connections of which packets are missing"
	const whole = "packets of which further fragments came late, or out of order"
	return limits{
		conns:        evidence("open connections", o.MaxConns, "what happened on connections that were given up for others"),
		buffered:     evidence("bytes behind holes", o.MaxBuffered, late),
		holeBytes:    evidence("bytes behind holes of one direction", o.MaxHoleBytes, late),
		holePackets:  evidence("packets behind holes of one connection", o.MaxHolePackets, late),
		fragmented:   evidence("incomplete fragmented packets", maxFragmented, whole),
		fragments:    evidence("fragments of one packet", maxFragments, "what was in packets of more fragments"),
		fragmentData: evidence("bytes of incomplete fragmented packets", maxFragmentBytes, whole),
	}
}
