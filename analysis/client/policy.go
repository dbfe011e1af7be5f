package client

// Policy says how a client uses a connection.
type Policy uint8

// Policies.
const (
	PolicyUnknown   Policy = iota
	PolicyLockstep         // one command, or one batch, then all of its replies
	PolicyPipelines        // lockstep with explicit pipelines, learned
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
