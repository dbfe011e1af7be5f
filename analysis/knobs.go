package analysis

import (
	"strconv"
	"time"
)

// knobs are the parameters of rules that pairing, belief and the shared facts read themselves, by their rules' names for
// them. Zero leaves the value to what is learned.
type knobs struct {
	staleBound   time.Duration // rs104.bound
	handshakeGap time.Duration // rs110.gap
	sharedMin    int           // rs114.min_events
	clusterWidth time.Duration // rs202.cluster_width
	askFollow    time.Duration // rs306.follow_window
	stallMin     time.Duration // rs401.stall_min
}

func knobsOf(params map[string]string) knobs {
	wait := func(name string, otherwise time.Duration) time.Duration {
		if d, err := time.ParseDuration(params[name]); err == nil && d > 0 {
			return d
		}
		return otherwise
	}
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(params[name]); err == nil && n > 0 {
			return n
		}
		return otherwise
	}
	return knobs{
		staleBound: wait("rs104.bound", 0), handshakeGap: wait("rs110.gap", handshakeGap),
		sharedMin: number("rs114.min_events", sharedMin), clusterWidth: wait("rs202.cluster_width", clusterWidth),
		askFollow: wait("rs306.follow_window", 0), stallMin: wait("rs401.stall_min", 0),
	}
}
