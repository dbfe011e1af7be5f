package client

import "math"

// pureShare is the prior that a population is one program, and so of one kind.
const pureShare = 0.8

// pureKind is the share of that kind in such a population: some connection is of a tool, or of a test.
const pureKind = 0.95

// KindMix weighs the kinds of a population by what its connections say. Most populations are one program: that is weighed,
// as a whole, against a mixture. What one connection says is bounded by 5, and differences of less than about two nats
// hardly add up, since many connections share the same misfit of the model.
type KindMix struct {
	prior [NumKinds]float64
	posts [][NumKinds]float64 // of each connection
	diffs [][NumKinds]float64 // … its log-likelihoods, as bounded distances from the best
	mixed []float64           // … and the log-likelihood of a mixture
	seen  [NumKinds]float64   // sum of posts
	score [NumKinds]float64   // sums of diffs
	mix   [NumKinds]float64   // the mixture
	total float64             // sum of mixed
}

// NewKindMix takes for each connection what was inferred of its kind, and the log-likelihoods of the kinds that this comes
// from; nil: the kinds do not compete yet.
func NewKindMix(posts, evidence [][NumKinds]float64, prior *[NumKinds]float64) *KindMix {
	s := &KindMix{prior: *prior, posts: posts}
	for i := range posts {
		for k, w := range posts[i] {
			s.seen[k] += w
		}
	}
	if evidence == nil {
		return s
	}
	s.mix = s.mixture(&s.seen)
	for i := range evidence {
		d := soften(&evidence[i], prior)
		sum := 0.0
		for k := range d {
			if prior[k] > 0 {
				s.score[k] += d[k]
				sum += s.mix[k] * math.Exp(d[k])
			}
		}
		s.diffs = append(s.diffs, d)
		s.mixed = append(s.mixed, math.Log(sum))
		s.total += math.Log(sum)
	}
	return s
}

// All returns the shares of the kinds.
func (s *KindMix) All() [NumKinds]float64 { return s.without(-1) }

// Others returns the shares of the kinds as the connections beside the i-th say: none is a witness for itself.
func (s *KindMix) Others(i int) [NumKinds]float64 { return s.without(i) }

func (s *KindMix) mixture(seen *[NumKinds]float64) (mix [NumKinds]float64) {
	total := 0.0
	for k, p := range s.prior {
		mix[k] = max(0, seen[k]) + p
		total += mix[k]
	}
	for k := range mix {
		mix[k] /= total
	}
	return mix
}

func (s *KindMix) without(i int) (pi [NumKinds]float64) {
	seen := s.seen
	if i >= 0 && i < len(s.posts) {
		for k, w := range s.posts[i] {
			seen[k] -= w
		}
	}
	mix := s.mixture(&seen)
	n := len(s.diffs)
	if i >= 0 && i < n {
		n--
	}
	if n < 1 || i < 0 && n < 2 {
		return mix
	}
	weight := 0.0
	for _, p := range s.prior {
		weight += p
	}
	var score [NumKinds + 1]float64
	top := math.Inf(-1)
	for k, p := range s.prior {
		score[k] = math.Inf(-1)
		if p > 0 {
			score[k] = math.Log(pureShare*p/weight) + s.score[k]
			if i >= 0 && i < len(s.diffs) {
				score[k] -= s.diffs[i][k]
			}
		}
		top = max(top, score[k])
	}
	score[NumKinds] = math.Log(1-pureShare) - 1.5*math.Log(float64(n)) + s.total
	if i >= 0 && i < len(s.mixed) {
		score[NumKinds] -= s.mixed[i]
	}
	top = max(top, score[NumKinds])
	z := 0.0
	for h := range score {
		score[h] = math.Exp(score[h] - top)
		z += score[h]
	}
	for h, w := range score {
		for k := range pi {
			share := mix[k]
			if h < NumKinds {
				share = (1 - pureKind) * s.prior[k] / weight
				if h == k {
					share += pureKind
				}
			}
			pi[k] += w / z * share
		}
	}
	return pi
}

// soften turns log-likelihoods into bounded distances from the best.
func soften(l, prior *[NumKinds]float64) (d [NumKinds]float64) {
	top := math.Inf(-1)
	for k, v := range l {
		if prior[k] > 0 {
			top = max(top, v)
		}
	}
	for k, v := range l {
		if x := top - v; x > 0 {
			d[k] = -min(5, x*x/(x+2))
		}
	}
	return d
}
