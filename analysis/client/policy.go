package client

// Policy says how a client uses a connection.
type Policy uint8

// Policies.
const (
	PolicyUnknown   Policy = iota
	PolicyLockstep         // one command, or one batch, then all of its replies
	PolicyPipelines        // lockstep with explicit pipelines
	PolicyMultiplex        // many callers share the connection
	PolicyAsync            // Sentinel, replication: replies are not awaited
)

var policyNames = [...]string{"unknown", "lockstep", "pipelines", "multiplex", "async"}

// String returns the word that every output uses.
func (p Policy) String() string { return policyNames[p] }

// ParsePolicy is the inverse of String.
func ParsePolicy(word string) (Policy, bool) {
	for i, n := range policyNames {
		if n == word {
			return Policy(i), true
		}
	}
	return 0, false
}

// TakesTurns reports whether callers are known to use a connection one after the other.
func (p Policy) TakesTurns() bool { return p == PolicyLockstep || p == PolicyPipelines }

// Weights are what a policy says of the kind of a connection; nil: nothing.
func (p Policy) Weights(b Basis) *KindWeights {
	switch {
	case p == PolicyMultiplex && b == Stated:
		return &SharesStated
	case p == PolicyMultiplex || p == PolicyAsync:
		return &Multiplexes
	case p.TakesTurns() && b == Guessed:
		return &MayTakeTurns
	case p.TakesTurns() && b == Stated:
		return &TurnsStated
	case p.TakesTurns():
		return &TakesTurns
	}
	return nil
}

// TurnsShare is the share of the kinds by which callers use a connection one after the other.
func TurnsShare(kinds *[NumKinds]float64) (share float64) {
	for k, w := range kinds {
		if !Kind(k).Together() {
			share += w
		}
	}
	return share
}

// UnreadShare is the share, among the kinds that use a connection again after a caller has given up on it, of those that leave the
// late reply for the next caller.
func UnreadShare(kinds *[NumKinds]float64) float64 {
	unread, all := 0.0, 0.0
	for k, w := range kinds {
		if Kind(k) == Closes {
			continue
		}
		if all += w; Kind(k).Family() == Unread {
			unread += w
		}
	}
	if all == 0 {
		return 0
	}
	return unread / all
}

// pipelines is the share of writes with several commands from which on a client is one that pipelines.
const pipelines = 0.05

// PolicyOf names the policy of a client that takes turns, or does not, by how many of its writes hold several commands.
func PolicyOf(turns bool, batches float64) Policy {
	switch {
	case !turns:
		return PolicyMultiplex
	case batches > pipelines:
		return PolicyPipelines
	}
	return PolicyLockstep
}
