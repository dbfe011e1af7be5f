package scenario

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Resegment cuts data segments at random byte borders into up to most pieces. Every piece carries what the whole did:
// time, acknowledgement, timestamps; FIN and PSH stay with the last.
func Resegment(most int, seed uint64) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		r := random(seed)
		var out []capture.Packet
		for _, p := range packets {
			f, ok := parseFrame(p)
			if !ok || len(f.payload) < 2 || f.cut > 0 || f.flags()&(flagSYN|flagRST) != 0 {
				out = append(out, p)
				continue
			}
			out = append(out, pieces(&f, borders(r, len(f.payload), most))...)
		}
		return renumber(out)
	}
}

// borders draws places strictly inside n bytes, in order, fewer than most.
func borders(r *rand.Rand, n, most int) []int {
	var out []int
	for range r.IntN(max(1, min(most, n))) {
		out = append(out, 1+r.IntN(n-1))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// pieces cuts a frame at the places given.
func pieces(f *frame, at []int) []capture.Packet {
	var out []capture.Packet
	whole, flags, seq := f.payload, f.flags(), f.seq()
	from := 0
	for _, to := range append(at, len(whole)) {
		f.payload = whole[from:to]
		f.setSeq(seq + uint32(from))
		f.tcp[13] = flags
		if to < len(whole) {
			f.tcp[13] &^= flagFIN | flagPSH
		}
		out = append(out, f.packet())
		f.setIPID(f.ipid() + 1)
		from = to
	}
	return out
}

// Coalesce merges segments as generic receive offload does: those of one direction that follow each other without a
// gap in sequence or a packet of the other direction, within 20 us, with equal acknowledgement and options, up to 64
// KB. The merged packet has the time of the first.
func Coalesce() Damage {
	const within, most = 20 * time.Microsecond, 65535 - 60 - 20
	return func(packets []capture.Packet) []capture.Packet {
		type pending struct {
			frame
			at int // in out
		}
		var out []capture.Packet
		open := map[flow]*pending{}
		for _, p := range packets {
			f, ok := parseFrame(p)
			if !ok {
				out = append(out, p)
				continue
			}
			key := f.flow()
			delete(open, key.back())
			o := open[key]
			plain := f.flags()&(flagSYN|flagRST|flagFIN) == 0 && len(f.payload) > 0 && f.cut == 0
			if plain && o != nil && p.Time.Sub(o.Time) <= within && f.seq() == o.seq()+uint32(len(o.payload)) && f.ack() == o.ack() &&
				len(o.payload)+len(f.payload) <= most && bytes.Equal(f.tcp[20:], o.tcp[20:]) {
				o.payload = append(o.payload[:len(o.payload):len(o.payload)], f.payload...)
				o.tcp[13] |= f.tcp[13] & flagPSH
				out[o.at] = o.packet()
				continue
			}
			delete(open, key)
			if plain {
				open[key] = &pending{f, len(out)}
			}
			out = append(out, p)
		}
		return renumber(out)
	}
}

// SpuriousRetransmit sends each data segment once more with probability p, 1 to 300 ms later, with another IP
// identifier and the acknowledgement that its sender has reached by then. What was sent last before a SYN, FIN or RST
// of the connection is not repeated behind that.
func SpuriousRetransmit(p float64, seed uint64) Damage {
	return func(packets []capture.Packet) []capture.Packet {
		r := random(seed)
		acks := map[flow][]stamp{} // what each side acknowledged, in order of time
		ends := map[flow][]capture.Time{}
		frames := make([]*frame, len(packets))
		for i := range packets {
			f, ok := parseFrame(packets[i])
			if !ok {
				continue
			}
			frames[i] = &f
			key := f.flow()
			if f.flags()&flagACK != 0 {
				acks[key] = append(acks[key], stamp{f.Time, f.ack()})
			}
			if f.flags()&(flagSYN|flagFIN|flagRST) != 0 {
				ends[key] = append(ends[key], f.Time)
				ends[key.back()] = append(ends[key.back()], f.Time)
			}
		}
		out := slices.Clone(packets)
		for _, f := range frames {
			if f == nil || f.length() == 0 || f.flags()&(flagSYN|flagFIN|flagRST) != 0 || r.Float64() >= p {
				continue
			}
			at := f.Time.Add(time.Millisecond + time.Duration(r.Int64N(int64(299*time.Millisecond))))
			key := f.flow()
			if slices.ContainsFunc(ends[key], func(e capture.Time) bool { return e > f.Time && e <= at }) {
				continue
			}
			ack := f.ack()
			for _, s := range acks[key] {
				if s.at > f.Time && s.at <= at {
					ack = newer(ack, s.ack)
				}
			}
			again := *f
			again.tcp = slices.Clone(f.tcp)
			again.ip = slices.Clone(f.ip)
			again.Time = at
			again.setAck(ack)
			again.setIPID(f.ipid() + 0x4000)
			out = append(out, again.packet())
		}
		return byTime(out)
	}
}

type stamp struct {
	at  capture.Time
	ack uint32
}
