package reader

import "github.com/respsniff/respsniff/analysis/client"

// leastKnown is what no kind falls below for what is known of a client: it may be wrong (a fork of the library, a proxy
// that passes a name on).
const leastKnown = 1e-3

// withKnown weighs a population's kinds by what is known of one connection's client.
func withKnown(pi *[client.NumKinds]float64, known *client.KindWeights) [client.NumKinds]float64 {
	out, z := *pi, 0.0
	for k := range out {
		out[k] *= max(known[k], leastKnown)
		z += out[k]
	}
	if z <= 0 {
		return *pi
	}
	for k := range out {
		out[k] /= z
	}
	return out
}
