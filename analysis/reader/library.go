package reader

import "github.com/respsniff/respsniff/analysis/client"

// withKnown weighs a population's kinds by what is known of one connection's client. What is known may be wrong (a fork, a
// proxy that passes a name on): no kind falls below a thousandth for it.
func withKnown(pi, known *[client.NumKinds]float64) [client.NumKinds]float64 {
	out, z := *pi, 0.0
	for k := range out {
		out[k] *= max(known[k], 1e-3)
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

// Multiplexes are the weights of a client whose library shares its connections among callers.
func Multiplexes() (w [client.NumKinds]float64) {
	w[client.Shares], w[client.Discards] = 1, 1
	return w
}

// TakesTurns are the weights of a client whose library uses a connection for one caller at a time.
func TakesTurns() [client.NumKinds]float64 {
	w := [client.NumKinds]float64{}
	for k := range w {
		w[k] = 1
	}
	w[client.Shares] = 0
	return w
}
