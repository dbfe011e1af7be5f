package pools

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/idle"
	"github.com/respsniff/respsniff/reassembly"
)

// TestSeeReturnsEarly holds what an ordinary segment leaves against what the same segment leaves where it is looked at like
// any other.
func TestSeeReturnsEarly(t *testing.T) {
	early := 0
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var f, g ConnFacts
		f.Begin(NewRegistry(RegistryOptions{}), 1)
		g.Begin(NewRegistry(RegistryOptions{}), 1)
		s := client(1)
		at, offset := capture.Time(1e18), [2]int64{}
		for frame := int64(1); frame < 150; frame++ {
			who := int(frame+1) % 2
			seg := &reassembly.Segment{
				Flags: reassembly.ACK, Time: at.Add(time.Duration(rnd.IntN(300)) * time.Microsecond), Frame: frame, Offset: offset[who],
				Length: 5, Payload: []byte("12345"), Ack: offset[1-who], Header: reassembly.Header{TTL: 64}, Plain: true,
			}
			owed := Owed(2 * (1 - who))
			if frame == 1 && seed%2 > 0 {
				seg.Flags, seg.Length, seg.Payload, seg.Plain = reassembly.SYN, 0, nil, false
			} else if rnd.IntN(25) == 0 {
				switch rnd.IntN(9) {
				case 0:
					seg.Flags, seg.Plain = seg.Flags|reassembly.FIN, false
				case 1:
					seg.Flags, seg.Plain = seg.Flags|reassembly.RST, false
				case 2:
					seg.Flags, seg.Plain = seg.Flags|reassembly.SYN, false
				case 3:
					seg.Payload, seg.Plain = seg.Payload[:2], false
				case 4:
					seg.Repeated, seg.Length, seg.Payload, seg.Plain = 5, 0, nil, false
				case 5:
					seg.Length, seg.Payload = 0, nil
				case 6:
					seg.Time = seg.Time.Add([]time.Duration{time.Second, 40 * time.Second, -time.Second}[rnd.IntN(3)])
				case 7:
					owed = Owed(rnd.IntN(3))
				case 8:
					who = 1 - who
				}
			}
			at, offset[who] = seg.Time, offset[who]+int64(seg.Length)
			if who == pairing.RoleClient && seg.Length > 0 {
				ex := &pairing.Exchange{}
				ex.Verb, ex.Time, ex.Frame = []pairing.Verb{pairing.OtherVerb, pairing.OtherVerb, pairing.OtherVerb, pairing.VerbPing, pairing.VerbQuit}[rnd.IntN(5)], at, frame
				if ex.Verb == pairing.OtherVerb && f.timer.idle {
					early++
				}
				f.Command(s, ex)
				g.command(s, ex)
			}
			f.See(s, who, seg, owed)
			g.look(s, who, seg, owed)
			if a, b := everything(&f), everything(&g); a != b {
				t.Fatalf("seed %d, frame %d:\n%s\n%s", seed, frame, a, b)
			}
		}
		f.Finish(s, at)
		g.Finish(s, at)
		if a, b := everything(&f), everything(&g); a != b {
			t.Fatalf("seed %d, at the end:\n%s\n%s", seed, a, b)
		}
	}
	if early < 1000 {
		t.Errorf("only %d commands might return early", early)
	}
}

// everything is all that is known of a connection, its link and its server.
func everything(f *ConnFacts) string {
	x := *f
	l := Link{}
	p := peer{}
	if f.link != nil {
		l, p = *f.link, *f.link.peer
	}
	x.registry, x.link, l.registry, l.peer, l.idle = nil, nil, nil, nil, idle.Place[Link]{}
	return fmt.Sprintf("%+v %+v %+v", x, l, p)
}
