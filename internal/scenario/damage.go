package scenario

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Damage is what a network or a capture does to packets. It leaves its argument alone; the result may share the Data
// of packets that are unchanged, and its frames are numbered from 1 as in a file of their own. The same argument gives
// the same result: whatever is random comes from a seed. Packets that are not TCP pass unchanged.
type Damage func([]capture.Packet) []capture.Packet

// Apply damages packets in several ways, one after the other.
func Apply(packets []capture.Packet, how ...Damage) []capture.Packet {
	packets = slices.Clone(packets)
	for _, d := range how {
		packets = d(packets)
	}
	return renumber(packets)
}

// renumber gives packets the frame numbers of the file they would make.
func renumber(packets []capture.Packet) []capture.Packet {
	for i := range packets {
		packets[i].Frame = int64(i + 1)
	}
	return packets
}

// byTime puts packets in order of time; those of one time keep theirs.
func byTime(packets []capture.Packet) []capture.Packet {
	slices.SortStableFunc(packets, func(a, b capture.Packet) int {
		switch {
		case a.Time < b.Time:
			return -1
		case a.Time > b.Time:
			return 1
		}
		return 0
	})
	return renumber(packets)
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x5265737053)) }

// keep gives the packets that ok takes.
func keep(packets []capture.Packet, ok func(i int) bool) []capture.Packet {
	var out []capture.Packet
	for i, p := range packets {
		if ok(i) {
			out = append(out, p)
		}
	}
	return renumber(out)
}

// DropRate loses each packet with probability p, as an overrun capture buffer does.
func DropRate(p float64, seed uint64) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		r := random(seed)
		return keep(packets, func(int) bool { return r.Float64() >= p })
	}
}

// DropBursts loses packets in runs of 1 to 2*mean-1; about the share p of all is lost.
func DropBursts(p float64, mean int, seed uint64) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		r := random(seed)
		left := 0
		return keep(packets, func(int) bool {
			if left == 0 && r.Float64() < p/float64(mean) {
				left = 1 + r.IntN(2*mean-1)
			}
			if left == 0 {
				return true
			}
			left--
			return false
		})
	}
}

// DropOne loses packet n, from 0.
func DropOne(n int) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		return keep(packets, func(i int) bool { return i != n })
	}
}

// StartAt loses all packets before n, from 0: the capture began in mid-connection.
func StartAt(n int) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		return keep(packets, func(i int) bool { return i >= n })
	}
}

// spanDelay is what lies between the two copies of a packet that a mirror port shows twice.
const spanDelay = 5 * time.Microsecond

// Duplicate shows each packet twice with probability p, the copy equal in every byte and 5 us later.
func Duplicate(p float64, seed uint64) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		r := random(seed)
		var out []capture.Packet
		for _, x := range packets {
			out = append(out, x)
			if r.Float64() < p {
				x.Time = x.Time.Add(spanDelay)
				out = append(out, x)
			}
		}
		return byTime(out)
	}
}

// Reorder permutes groups of three packets that follow each other within 20 ms: the packets change places, the times
// of the places stay. About the share p of the packets begins such a group.
func Reorder(p float64, seed uint64) Damage {
	const group, within = 3, 20 * time.Millisecond
	return func(packets []capture.Packet) []capture.Packet {
		r := random(seed)
		out := slices.Clone(packets)
		for i := 0; i+group <= len(out); i++ {
			if r.Float64() >= p || out[i+group-1].Time.Sub(out[i].Time) > within || out[i+group-1].Time < out[i].Time {
				continue
			}
			g := out[i : i+group]
			times := [group]capture.Time{g[0].Time, g[1].Time, g[2].Time}
			r.Shuffle(group, func(a, b int) { g[a], g[b] = g[b], g[a] })
			for k := range g {
				g[k].Time = times[k]
			}
			i += group - 1
		}
		return renumber(out)
	}
}

// ShuffleFileOrder writes packets in another order than that of their times: each moves by less than 50 ms.
func ShuffleFileOrder(seed uint64) Damage {
	const within = 50 * time.Millisecond
	return func(packets []capture.Packet) []capture.Packet {
		type placed struct {
			capture.Packet
			key capture.Time
		}
		r := random(seed)
		all := make([]placed, len(packets))
		for i, p := range packets {
			all[i] = placed{p, p.Time.Add(time.Duration(r.Int64N(int64(within))))}
		}
		slices.SortStableFunc(all, func(a, b placed) int {
			switch {
			case a.key < b.key:
				return -1
			case a.key > b.key:
				return 1
			}
			return 0
		})
		out := make([]capture.Packet, len(all))
		for i, p := range all {
			out[i] = p.Packet
		}
		return renumber(out)
	}
}

// ClockStep sets the capturing host's clock by d when packet n, from 0, is due: it and all later ones carry the new
// time, and stay where they are in the file.
func ClockStep(n int, d time.Duration) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		out := slices.Clone(packets)
		for i := min(n, len(out)); i < len(out); i++ {
			out[i].Time = out[i].Time.Add(d)
		}
		return renumber(out)
	}
}

// Snap cuts packets to n captured bytes, as tcpdump -s does. It comes last: where n cuts headers, other damages pass
// the packet unchanged.
func Snap(n int) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		out := slices.Clone(packets)
		for i := range out {
			if len(out[i].Data) > n {
				out[i].Data = out[i].Data[:n:n]
			}
		}
		return renumber(out)
	}
}

// Merge makes one capture of several, in order of time.
func Merge(captures ...[]capture.Packet) []capture.Packet { return byTime(slices.Concat(captures...)) }
