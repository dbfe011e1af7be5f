package inference

import "github.com/respsniff/respsniff/analysis/client"

// WithKnown weighs a population's kinds by what is known of one connection's client. many is what the kinds of libraries for
// many callers were weighed down by because the callers took turns: that tells which library it is, and says nothing where it
// is known.
func WithKnown(pi *[client.NumKinds]float64, known *client.KindWeights, many float64) [client.NumKinds]float64 {
	out, z := *pi, 0.0
	for k := range out {
		if known.Excludes() && client.Kind(k).Together() && many > 0 {
			out[k] /= many
		}
		out[k] *= known[k]
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
