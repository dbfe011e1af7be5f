package analysis

import (
	"strconv"
	"time"
)

// knobs are the parameters of rules that pairing, belief and the shared facts read themselves, by their rules' names for
// them. Zero leaves the value to what is learned.
type knobs struct {
	minGap         time.Duration // rs101.min_gap
	slack          time.Duration // rs102.slack
	timeoutSamples int           // rs102.min_timeout_samples
	staleBound     time.Duration // rs104.bound
	handshakeGap   time.Duration // rs110.gap
	sharedMin      int           // rs114.min_events
	clusterWidth   time.Duration // rs202.cluster_width
	askFollow      time.Duration // rs306.follow_window
	stallMin       time.Duration // rs401.stall_min
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
		minGap: wait("rs101.min_gap", 0), slack: wait("rs102.slack", 0),
		timeoutSamples: number("rs102.min_timeout_samples", minTimeoutSamples),
		staleBound:     wait("rs104.bound", 0), handshakeGap: wait("rs110.gap", handshakeGap),
		sharedMin: number("rs114.min_events", sharedMin), clusterWidth: wait("rs202.cluster_width", 0),
		askFollow: wait("rs306.follow_window", followWindow), stallMin: wait("rs401.stall_min", stallMin),
	}
}

// slackOf is how much later than T a reply must be before it was certainly too late.
func (k *knobs) slackOf(t time.Duration) time.Duration {
	if k.slack > 0 {
		return k.slack
	}
	return max(10*time.Millisecond, t*3/100)
}
