package reader

import (
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
)

// shown is the evidence for unread replies of a population, in nats, summed over its connections: whole, and what each adds to
// what the others say of it.
type shown struct{ whole, each float64 }

// weigh finds how much better the kinds that leave replies unread explain each connection than any healthy one, by all that
// is known: the connection itself, the others of its population, its library, and how its callers take turns. And it finds what
// the connections add to that, each to what the others say of it, alone and all together: where several are accused, that they
// agree is no evidence.
func (s *shown) weigh(list []*fitted, o *Options) {
	accused := 0
	for _, c := range list {
		if c.gain = gain(&c.post, &o.prior); c.leaves() >= thresholds[len(thresholds)-1].least && c.usedAgain() {
			accused++
		}
	}
	s.whole, s.each = 0, 0
	for _, c := range list {
		s.whole += max(-3, min(5, gain(&c.post, &c.pi)))
		c.alone = gain(&c.post, c.beside(o))
		s.each += max(-3, min(5, c.alone))
		c.alone -= math.Log(float64(max(1, accused))) // the more there are, the more one of them shows by chance
	}
	if accused < 2 {
		s.each = inf // nobody else says anything of it
	}
}

// usedAgain reports whether a command was written while the reply before it was due: only then has a caller taken another's
// reply for certain, if replies are left.
func (c *fitted) usedAgain() bool {
	return slices.ContainsFunc(c.v.Steps, func(s inference.Step) bool { return s.N > 0 && !s.Have && s.What == inference.NextWrite })
}

// beside is what the others of its population say of a connection, without what is known of its library, which counts as its
// own. That its callers take turns does not: so they may with any library.
func (c *fitted) beside(o *Options) *[client.NumKinds]float64 {
	pi := c.pi
	if o.Known == nil || o.Without.Has(inference.TermLibrary) {
		return &pi
	}
	if known := o.Known(c.v.c); known != nil {
		for k := range pi {
			pi[k] /= max(known[k], 1e-9)
		}
	}
	return &pi
}

// gain is the evidence for unread replies that turned one weight of the kinds into another, in nats.
func gain(post, prior *[client.NumKinds]float64) float64 {
	up, down := 0.0, 0.0
	for k, w := range post {
		if prior[k] <= 0 {
			continue
		}
		x := (w + 1e-12) / prior[k]
		if client.Kind(k).Healthy() {
			down = max(down, x)
		} else {
			up = max(up, x)
		}
	}
	return math.Log(up / down)
}
