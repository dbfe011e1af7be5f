package live

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// TestRecentKeepsTheLatest holds a ring against a plain list: what it yields is a run of the latest packets of the key,
// unchanged, and its bounds hold at every step.
func TestRecentKeepsTheLatest(t *testing.T) {
	r := recent[int]{perKey: 1 << 19, total: 1 << 20, age: 10 * time.Second}
	rng := rand.New(rand.NewPCG(1, 2))
	lists := map[int][]capture.Packet{}
	now := capture.Time(1e18)
	for i := range 20000 {
		now = now.Add(time.Duration(rng.IntN(2e6)))
		size := rng.IntN(300)
		if rng.IntN(500) == 0 {
			size = rng.IntN(200000) // larger than a chunk
		}
		data := make([]byte, size)
		for j := range data {
			data[j] = byte(i + j)
		}
		key := rng.IntN(5)
		p := capture.Packet{Time: now, Frame: int64(i), Interface: int32(key), Link: capture.LinkRaw, Length: size + 3, Data: data}
		r.add(key, &p)
		lists[key] = append(lists[key], p)
		if r.size() > r.total {
			t.Fatalf("%d bytes held", r.size())
		}
		if i%1000 != 0 {
			continue
		}
		for key, list := range lists {
			var got []capture.Packet
			for p := range r.packets(key, 0) {
				got = append(got, p)
			}
			if int32(key) == p.Interface && len(got) == 0 {
				t.Fatal("the latest packet is not there")
			}
			want := list[len(list)-len(got):]
			for j := range got {
				if got[j].Frame != want[j].Frame || got[j].Time != want[j].Time || got[j].Length != want[j].Length || !bytes.Equal(got[j].Data, want[j].Data) {
					t.Fatalf("step %d key %d packet %d: frame %d, want %d", i, key, j, got[j].Frame, want[j].Frame)
				}
			}
			since := now.Add(-time.Second)
			for p := range r.packets(key, since) {
				if p.Time < since {
					t.Fatal("too old")
				}
			}
		}
	}
}

func TestRecentForgetsByAge(t *testing.T) {
	r := recent[string]{perKey: 1 << 20, total: 1 << 22, age: time.Second}
	data := make([]byte, 1000)
	for i := range 2000 {
		r.add("a", &capture.Packet{Time: capture.Time(i) * capture.Time(10*time.Millisecond), Length: 1000, Data: data})
	}
	n := 0
	for range r.packets("a", 0) {
		n++
	}
	if n < 100 || n > 240 {
		t.Errorf("%d packets of the last second are kept, want 100 and at most two chunks more", n)
	}
	r.add("b", &capture.Packet{Length: 1 << 21, Data: make([]byte, 1<<21)})
	if r.size() > 1<<20 {
		t.Errorf("%d bytes held", r.size())
	}
	var none recent[int]
	none.add(1, &capture.Packet{Data: data})
	if none.size() != 0 {
		t.Error("the zero value keeps packets")
	}
}
