package report

import "slices"

// Series are figures for who draws them from the JSON report. Each is bounded: see Recorder.
type Series struct {
	// Owed holds, for each connection that a finding names as an example, its debt over time.
	Owed []OwedSeries `json:"owed,omitempty"`
	// Open holds the open connections of each client over time.
	Open []OpenSeries `json:"open,omitempty"`
	// Latency holds reply times by client group.
	Latency []LatencySeries `json:"latency,omitempty"`
}

// OwedSeries is the debt of one connection: how many replies were outstanding, and how many owed, at each command.
type OwedSeries struct {
	Conn   int64       `json:"conn"`
	Client string      `json:"client"`
	Server string      `json:"server"`
	Points []OwedPoint `json:"points"`
}

// OwedPoint is the state when one command was written.
type OwedPoint struct {
	Time        Stamp `json:"time"`
	Outstanding int   `json:"outstanding"`
	Owed        int   `json:"owed"`
}

// OpenSeries counts one client's open connections.
type OpenSeries struct {
	Client string      `json:"client"`
	Points []OpenPoint `json:"points"`
}

// OpenPoint is the number of open connections from a moment on.
type OpenPoint struct {
	Time Stamp `json:"time"`
	Open int   `json:"open"`
}

// LatencySeries is a histogram of reply times: Counts[i] replies took at least BoundsUS[i] and less than BoundsUS[i+1]
// microseconds; the last count has no upper bound.
type LatencySeries struct {
	Client        string    `json:"client"`
	BoundsUS      []int64   `json:"bounds_us"`
	Counts        []int64   `json:"counts"`
	ReadTimeoutMS []float64 `json:"read_timeout_ms,omitempty"`
}

// printable returns a copy whose texts are printable; nil for nil.
func (s *Series) printable() *Series {
	if s == nil {
		return nil
	}
	c := &Series{Owed: slices.Clone(s.Owed), Open: slices.Clone(s.Open), Latency: slices.Clone(s.Latency)}
	for i := range c.Owed {
		c.Owed[i].Client, c.Owed[i].Server = Printable(c.Owed[i].Client), Printable(c.Owed[i].Server)
	}
	for i := range c.Open {
		c.Open[i].Client = Printable(c.Open[i].Client)
	}
	for i := range c.Latency {
		c.Latency[i].Client = Printable(c.Latency[i].Client)
	}
	return c
}
