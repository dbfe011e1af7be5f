package client

import "math"

// pureShare is the prior that a population is one program, and so of one kind.
const pureShare = 0.8

// pureKind is the share of that kind in such a population: some connection is of a tool, or of a test.
const pureKind = 0.95

// KindShares weighs the kinds of a population: seen counts its connections by kind, and evidence holds for each
// connection the log-likelihoods of the kinds. Most populations are one program: that is weighed, as a whole, against a
// mixture. What one connection says is bounded by 5, and differences of less than about two nats hardly add up, since
// many connections share the same misfit of the model.
func KindShares(seen *[NumKinds]float64, evidence [][NumKinds]float64, prior *[NumKinds]float64) (pi [NumKinds]float64) {
	total, n := 0.0, float64(len(evidence))
	for k, p := range prior {
		pi[k] = seen[k] + p
		total += pi[k]
	}
	var mix [NumKinds]float64
	weight := 0.0
	for k := range pi {
		mix[k] = pi[k] / total
		weight += prior[k]
	}
	if len(evidence) < 2 {
		return mix
	}
	score := [NumKinds + 1]float64{}
	for k := range prior {
		score[k] = math.Inf(-1)
		if prior[k] > 0 {
			score[k] = math.Log(pureShare * prior[k] / weight)
		}
	}
	score[NumKinds] = math.Log(1-pureShare) - 1.5*math.Log(n)
	for i := range evidence {
		d := soften(&evidence[i], prior)
		sum := 0.0
		for k := range d {
			if prior[k] > 0 {
				score[k] += d[k]
				sum += mix[k] * math.Exp(d[k])
			}
		}
		score[NumKinds] += math.Log(sum)
	}
	top := math.Inf(-1)
	for _, s := range score {
		top = max(top, s)
	}
	z := 0.0
	for i, s := range score {
		score[i] = math.Exp(s - top)
		z += score[i]
	}
	pi = [NumKinds]float64{}
	for h, w := range score {
		for k := range pi {
			share := mix[k]
			if h < NumKinds {
				share = (1 - pureKind) * prior[k] / weight
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
