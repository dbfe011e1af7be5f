package reader

import "slices"

// midstreamPrior is how many replies a connection that began before the capture is taken to owe: nearly all owe none.
var midstreamPrior = [...]float64{0.94, 0.04, 0.01, 0.01}

// lossSpread is the chance that around lost bytes one reply more or fewer was read than is known.
const lossSpread = 0.05

// spread makes the place of each reader uncertain by the replies that lost bytes may have held.
func spread(next []state, own int32) []state {
	before := slices.Clone(next)
	for k, s := range before {
		if s.kind.Healthy() {
			continue
		}
		next[k].w -= s.w * lossSpread
		for _, d := range [...]int32{-1, 1} {
			to := min(s.read+d, own) // who is level stays so
			at := slices.IndexFunc(next, func(x state) bool { return x.kind == s.kind && x.read == to && x.held == s.held })
			if at < 0 {
				next = append(next, state{s.kind, to, s.held, 0})
				at = len(next) - 1
			}
			next[at].w += s.w * lossSpread / 2
		}
	}
	return next
}

// received is what the client had received before the first kept write: the server's stream goes on there. Of a connection
// that began before the capture it is not known: below 0.
func (c *Conn) received() int64 {
	if w := &c.writes[0]; !c.midstream && w.ack >= 0 && w.flags&Resent == 0 {
		return w.ack
	}
	return -1
}
