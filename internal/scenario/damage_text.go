package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// damageForms lists the damages that have a written form, with their arguments: p is a share from 0 to 1, n a number, d
// a duration.
var damageForms = []struct {
	name, args string
	make       func(a damageArgs) Damage
}{
	{"drop", "p seed", func(a damageArgs) Damage { return DropRate(a.p[0], a.seed) }},
	{"bursts", "p n seed", func(a damageArgs) Damage { return DropBursts(a.p[0], max(1, a.n[0]), a.seed) }},
	{"lose", "n", func(a damageArgs) Damage { return DropOne(a.n[0] - 1) }},
	{"start", "n", func(a damageArgs) Damage { return StartAt(a.n[0] - 1) }},
	{"duplicate", "p seed", func(a damageArgs) Damage { return Duplicate(a.p[0], a.seed) }},
	{"reorder", "p seed", func(a damageArgs) Damage { return Reorder(a.p[0], a.seed) }},
	{"clock", "n d", func(a damageArgs) Damage { return ClockStep(a.n[0]-1, a.d) }},
	{"shuffle", "seed", func(a damageArgs) Damage { return ShuffleFileOrder(a.seed) }},
	{"resegment", "n seed", func(a damageArgs) Damage { return Resegment(a.n[0], a.seed) }},
	{"coalesce", "", func(damageArgs) Damage { return Coalesce() }},
	{"spurious", "p seed", func(a damageArgs) Damage { return SpuriousRetransmit(a.p[0], a.seed) }},
	{"only-client", "", func(damageArgs) Damage { return OneSide(Client) }},
	{"only-server", "", func(damageArgs) Damage { return OneSide(Server) }},
	{"vantage", "d", func(a damageArgs) Damage { return ShiftVantage(a.d) }},
	{"notimestamps", "", func(damageArgs) Damage { return NoTimestamps() }},
	{"noipid", "", func(damageArgs) Damage { return ZeroIPID() }},
	{"ipv6", "", func(damageArgs) Damage { return ToIPv6() }},
	{"rerecord", "seed", func(a damageArgs) Damage { return Rerecord(a.seed) }},
	{"snap", "n", func(a damageArgs) Damage { return Snap(a.n[0]) }},
}

// maxDamageNumber bounds counts in the written form: more packets, pieces or bytes than any scenario has.
const maxDamageNumber = 1 << 30

type damageArgs struct {
	p    []float64
	n    []int
	d    time.Duration
	seed uint64
}

// ParseDamage reads the written form of a damage, as "drop 0.05 7" or "snap 96". A link name of Links stands for
// Relink. Packets are counted from 1, as frames are; a seed may be left out.
func ParseDamage(text string) (Damage, error) {
	f := strings.Fields(text)
	if len(f) == 0 {
		return nil, fmt.Errorf("damage: which?")
	}
	if _, ok := linkStyles[f[0]]; ok && len(f) == 1 {
		return Relink(f[0]), nil
	}
	var names []string
	for _, form := range damageForms {
		names = append(names, form.name)
		if form.name == f[0] {
			a, err := readDamageArgs(strings.Fields(form.args), f[1:])
			if err != nil {
				return nil, fmt.Errorf("damage %s %s: %w", form.name, form.args, err)
			}
			return form.make(a), nil
		}
	}
	return nil, fmt.Errorf("damage %q is none of %s, %s", f[0], strings.Join(names, ", "), strings.Join(Links(), ", "))
}

func readDamageArgs(want, got []string) (a damageArgs, err error) {
	if len(got) > len(want) {
		return a, fmt.Errorf("too many arguments")
	}
	for i, kind := range want {
		if i >= len(got) {
			if kind == "seed" {
				return a, nil
			}
			return a, fmt.Errorf("%s is missing", kind)
		}
		switch kind {
		case "p":
			p, err := strconv.ParseFloat(got[i], 64)
			if err != nil || !(p >= 0 && p <= 1) {
				return a, fmt.Errorf("%q is no share from 0 to 1", got[i])
			}
			a.p = append(a.p, p)
		case "n":
			n, err := strconv.Atoi(got[i])
			if err != nil || n < 1 || n > maxDamageNumber {
				return a, fmt.Errorf("%q is no number from 1 to %d", got[i], maxDamageNumber)
			}
			a.n = append(a.n, n)
		case "d":
			if a.d, err = time.ParseDuration(got[i]); err != nil {
				return a, fmt.Errorf("%q is no duration", got[i])
			}
		case "seed":
			if a.seed, err = strconv.ParseUint(got[i], 10, 64); err != nil {
				return a, fmt.Errorf("%q is no seed", got[i])
			}
		}
	}
	return a, nil
}
