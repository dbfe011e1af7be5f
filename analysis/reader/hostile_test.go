package reader

import (
	"math/rand"
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// Whatever is fed, in whatever order, nothing panics and each command gets at most one row.
func TestAnythingGoes(t *testing.T) {
	for seed := range int64(20) {
		rng := rand.New(rand.NewSource(seed))
		rows := map[[2]int64]int{}
		ended, told := map[int64]bool{}, map[int64]int32{}
		settled := func(c *Conn, upTo int32, w Word) {
			if ended[c.ID] || upTo <= told[c.ID] || w == Unknown {
				t.Fatalf("seed %d: connection %d settled up to %d, after %d, ended %v", seed, c.ID, upTo, told[c.ID], ended[c.ID])
			}
			told[c.ID] = upTo
		}
		r := New(Options{Settled: settled}, func(v *Verdict) {
			if ended[v.Conn.ID] || v.Last < told[v.Conn.ID] {
				t.Fatalf("seed %d: connection %d: last %d, after %d, ended %v", seed, v.Conn.ID, v.Last, told[v.Conn.ID], ended[v.Conn.ID])
			}
			ended[v.Conn.ID] = v.Ended
			told[v.Conn.ID] = v.Last
			for _, x := range v.Rows {
				rows[[2]int64{v.Conn.ID, int64(x.Index)}]++
				if x.Index > v.Last || (x.Word == Unknown) != (x.Got == Untold) || (x.Reply > 0) != (x.Got == Read) || x.Owed < 0 {
					t.Errorf("seed %d: %+v of %d", seed, x, v.Last)
				}
				if x.Posterior < -0.01 || x.Posterior > 1.01 {
					t.Errorf("seed %d: posterior %v", seed, x.Posterior)
				}
			}
		})
		var conns []*Conn
		var sent []int32
		now := capture.Time(1e18)
		for range 2000 {
			now += capture.Time(rng.Int63n(3e7)) - 1e6
			if len(conns) == 0 || rng.Intn(60) == 0 {
				c := r.Open(int64(len(conns)), netip.MustParseAddr("10.0.0.1"), rng.Intn(4) == 0)
				if rng.Intn(3) == 0 {
					_ = c
				}
				c.Belongs(Key{SetUp: uint64(rng.Intn(2))})
				conns, sent = append(conns, c), append(sent, 0)
			}
			i := rng.Intn(len(conns))
			c := conns[i]
			at := int64(sent[i]) * 20
			switch rng.Intn(12) {
			case 0, 1, 2, 3, 4:
				sent[i]++
				c.Sent(&Command{
					Index: sent[i], Flags: CommandFlags(rng.Intn(1<<9)) | Awaited, Time: now, EndTime: now + capture.Time(rng.Int63n(1e6)),
					Start: at + rng.Int63n(2)*5, End: at + 20, Ack: rng.Int63n(at+30) - 2,
				})
			case 5, 6, 7, 8:
				k := rng.Int31n(sent[i] + 1)
				c.Answered(&Reply{Index: k, Time: now, Start: int64(k) * 10, End: int64(k)*10 + rng.Int63n(12), Type: inference.Type(rng.Intn(7))})
			case 9:
				c.Acked(now, rng.Int63n(at+20))
			case 10:
				c.LeftOut(rng.Int31n(sent[i] + 2))
			default:
				if rng.Intn(8) == 0 {
					c.Closed(&Ending{Time: now, ByClient: rng.Intn(2) == 0, Reset: rng.Intn(2) == 0, Ack: rng.Int63n(at + 20)})
					c.End(now)
				} else if rng.Intn(40) == 0 {
					r.relieve()
				} else {
					r.Tick(now)
				}
			}
		}
		r.Finish(now)
		for _, c := range conns {
			if !ended[c.ID] {
				t.Errorf("seed %d: connection %d never ended", seed, c.ID)
			}
		}
		for k, n := range rows {
			if n > 1 {
				t.Fatalf("seed %d: %d rows of %v", seed, n, k)
			}
		}
	}
}

// A connection that nobody doubts keeps no records, however long it lives.
func TestMemoryIsBounded(t *testing.T) {
	r := New(Options{}, func(*Verdict) {})
	c := r.Open(1, netip.MustParseAddr("10.0.0.1"), false)
	c.Belongs(Key{})
	now := capture.Time(1e18)
	most := 0
	for i := range int32(20000) {
		n := int64(i)
		c.Acked(now, 10*n)
		c.Sent(&Command{Index: i + 1, Flags: Awaited, Time: now, EndTime: now, Start: 20 * n, End: 20*n + 20, Ack: 10 * n})
		now += 100e3
		c.Answered(&Reply{Index: i + 1, Time: now, Start: 10 * n, End: 10*n + 10, Type: inference.Bulk})
		now += 2e6
		most = max(most, len(c.writes))
	}
	if most > 2*maxLevel+1 {
		t.Errorf("%d writes kept", most)
	}
	r.Finish(now)
}
