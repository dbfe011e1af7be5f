package reassembly

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// conflicts counts the segments that repeated other bytes than were captured first, by what the stream of a is then.
func conflicts(t *testing.T, list []pk) (n int64, stream string) {
	t.Helper()
	a := New(Options{})
	for seg, err := range a.Segments(from(build(list))) {
		if err != nil {
			t.Fatal(err)
		}
		if seg.Conflict && seg.Repeated == 0 {
			t.Errorf("frame %d: a conflict of nothing", seg.Frame)
		}
		if seg.From == A {
			stream += string(seg.Payload)
		}
	}
	return a.Stats().Conflicts, stream
}

// data makes n bytes that differ from those of another seed at every place.
func data(n int, seed byte) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7) + seed
	}
	return string(b)
}

// TestConflictsWithOtherBorders: what is sent again with other bytes is a conflict, wherever its borders are; the same bytes
// are none.
func TestConflictsWithOtherBorders(t *testing.T) {
	sent := func(ms float64, seq int, data string) pk {
		return pk{ms: ms, from: "a", flags: ACK, seq: int64(seq), data: data}
	}
	short, long := 100, 4000 // kept whole, and its begin and end
	for _, n := range []int{short, long} {
		good, bad := data(n, 1), data(n, 2)
		for name, c := range map[string]struct {
			first  []pk
			again  func(as string) []pk
			differ int64
		}{
			"one, then two halves": {
				[]pk{sent(3, 0, good)},
				func(as string) []pk { return []pk{sent(300, 0, as[:n/2]), sent(301, n/2, as[n/2:])} }, 2,
			},
			"two, then one that covers both": {
				[]pk{sent(3, 0, good[:n/2]), sent(4, n/2, good[n/2:])},
				func(as string) []pk { return []pk{sent(300, 0, as)} }, 1,
			},
			"borders within both": {
				[]pk{sent(3, 0, good[:n/2]), sent(4, n/2, good[n/2:])},
				func(as string) []pk { return []pk{sent(300, n/4, as[n/4:3*n/4])} }, 1,
			},
			"with new bytes behind": {
				[]pk{sent(3, 0, good[:n/2])},
				func(as string) []pk { return []pk{sent(300, n/4, as[n/4:n/2]+good[n/2:])} }, 1,
			},
			"while it waits behind a hole": {
				[]pk{sent(3, n/2, good[n/2:])},
				func(as string) []pk { return []pk{sent(4, n/2, as[n/2:3*n/4]), sent(5, 0, good[:n/2])} }, 1,
			},
			"what filled a hole": {
				[]pk{sent(3, n/2, good[n/2:]), sent(4, 0, good[:n/2])},
				func(as string) []pk { return []pk{sent(300, 0, as[:n/4]), sent(301, n/4, as[n/4:n/2])} }, 2,
			},
			"while it waits, and then as the first copy": {
				[]pk{sent(3, n/2, good[n/2:])},
				func(as string) []pk {
					return []pk{sent(4, n/2, as[n/2:3*n/4]), sent(5, n/2, good[n/2:3*n/4]), sent(6, 0, good[:n/2])}
				}, 1,
			},
			"twice, of which the second is as the first copy": {
				[]pk{sent(3, 0, good)},
				func(as string) []pk { return []pk{sent(300, 0, as[:n/2]), sent(500, 0, good[:n/2])} }, 1,
			},
		} {
			for _, x := range []struct {
				as   string
				want int64
			}{{good, 0}, {bad, c.differ}} {
				got, stream := conflicts(t, append(hello(c.first...), c.again(x.as)...))
				if got != x.want || !strings.HasPrefix(good, stream) || len(stream) < n/2 {
					t.Errorf("%s, %d bytes: %d conflicts, want %d; %d bytes of the stream, the first copy: %v", name, n, got, x.want, len(stream), strings.HasPrefix(good, stream))
				}
			}
		}
	}
}

// TestProbesAreNoConflict: the octet of a keep-alive probe may be any, and a snapshot length shows less of one copy.
func TestProbesAreNoConflict(t *testing.T) {
	for name, again := range map[string]pk{
		"keep-alive":      {ms: 60000, from: "a", flags: ACK, seq: 3, data: "\x00"},
		"cut copy":        {ms: 300, from: "a", flags: ACK, seq: 1, data: "INGxxxx", snap: 4},
		"reset with text": {ms: 300, from: "a", flags: RST | ACK, seq: 0, data: "go away"},
	} {
		if n, _ := conflicts(t, hello(pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "PING"}, again)); n != 0 {
			t.Errorf("%s: %d conflicts", name, n)
		}
	}
	if n, _ := conflicts(t, hello(
		pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "PINGPING"}, pk{ms: 300, from: "a", flags: ACK, seq: 1, data: "IMGPING", snap: 4},
	)); n != 1 {
		t.Errorf("%d conflicts in what was captured of a cut copy, want 1", n)
	}
}

// TestResegmentation: a sender may cut what it sends again anywhere, any number of times. Where it sends the same bytes nothing
// is said; where it sends others, of what the latest segments held whole, it is.
func TestResegmentation(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		n := 20 + r.IntN(700)
		good, bad := data(n, 1), data(n, 2)
		var first []pk
		for at := 0; at < n; {
			size := min(n-at, 1+r.IntN((keptHead+keptTail)))
			first = append(first, pk{ms: 3 + float64(len(first)), from: "a", flags: ACK, seq: int64(at), data: good[at : at+size]})
			at += size
		}
		begin := int(first[max(0, len(first)-keptPieces)].seq) // of what is kept
		if r.IntN(3) == 0 {
			r.Shuffle(len(first), func(i, j int) {
				first[i].data, first[j].data, first[i].seq, first[j].seq = first[j].data, first[i].data, first[j].seq, first[i].seq
			})
			begin = n
		}
		list := hello(first...)
		for range 10 {
			at := r.IntN(n)
			list = append(list, pk{ms: list[len(list)-1].ms + 200, from: "a", flags: ACK, seq: int64(at), data: good[at : at+1+r.IntN(n-at)]})
		}
		if got, stream := conflicts(t, list); got != 0 || stream != good {
			t.Fatalf("seed %d: %d conflicts of equal bytes", seed, got)
		}
		if begin == n {
			continue
		}
		at := begin + r.IntN(n-begin)
		end := at + 1 + r.IntN(n-at)
		if end-at == 1 && end == n {
			continue // as a probe
		}
		list = append(hello(first...), pk{ms: 900, from: "a", flags: ACK, seq: int64(at), data: bad[at:end]})
		if got, stream := conflicts(t, list); got != 1 || stream != good {
			t.Fatalf("seed %d: %d conflicts of bytes %d to %d of %d, want 1", seed, got, at, end, n)
		}
	}
}

// TestSidesAreKeptApart: which end opened a connection is told apart from which end is compared, and other connections at the
// same places of their streams are others.
func TestSidesAreKeptApart(t *testing.T) {
	good, bad := data(100, 1), data(100, 2)
	count := func(name string, list []pk, want int64) {
		t.Helper()
		a := New(Options{})
		for _, err := range a.Segments(from(build(list))) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := a.Stats().Conflicts; got != want {
			t.Errorf("%s: %d conflicts, want %d", name, got, want)
		}
	}
	count("opened by the other end", []pk{
		{ms: 0, from: "b", flags: SYN, seq: -1},
		{ms: 1, from: "a", flags: SYN | ACK, seq: -1},
		{ms: 2, from: "b", flags: ACK},
		{ms: 3, from: "b", flags: ACK, data: good},
		{ms: 300, from: "b", flags: ACK, data: bad[:50]},
		{ms: 301, from: "b", flags: ACK, seq: 50, data: good[50:]},
	}, 1)
	count("the SYN stands behind in the file", []pk{
		{ms: 2.1, from: "b", flags: ACK, data: good},
		{ms: 0, from: "a", flags: SYN, seq: -1},
		{ms: 1, from: "b", flags: SYN | ACK, seq: -1},
		{ms: 2, from: "a", flags: ACK},
		{ms: 300, from: "b", flags: ACK, data: bad[:50]},
		{ms: 301, from: "a", flags: ACK, ack: 100},
		{ms: 302, from: "b", flags: ACK, seq: 50, data: good[50:]},
	}, 1)
	var many []pk
	for i := range 2000 {
		own := data(100, byte(i))
		port := uint16(10000 + i)
		ms := float64(i)
		many = append(many,
			pk{ms: ms, from: "a", port: port, flags: SYN, seq: -1}, pk{ms: ms + .1, from: "b", port: port, flags: SYN | ACK, seq: -1},
			pk{ms: ms + .2, from: "a", port: port, flags: ACK, data: own},
			pk{ms: ms + .3, from: "b", port: port, flags: ACK, ack: 100, data: data(90, byte(i+3))})
		if i >= 20 {
			old := uint16(port - 20)
			many = append(many, pk{ms: ms + .4, from: "a", port: old, flags: ACK, ack: 90, data: data(100, byte(i-20))[:40]})
		}
	}
	count("many connections", many, 0)
}
