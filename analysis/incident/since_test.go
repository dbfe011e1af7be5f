package incident

import (
	"fmt"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

// kept is what a rule of these tests keeps.
type kept struct{ calls int }

func (k *kept) TakeOff(before any) { k.calls -= before.(*kept).calls }

// reported makes a register to which three rules have reported, up to a time: RS401 stalls at 5, RS101 goes on, RS103 is caused by
// RS101 and goes on, on connections 1 and 2.
func reportedUntil(end capture.Time, before *Register, from capture.Time) *Register {
	g := NewRegister(RegisterOptions{MaxExamples: 5})
	if before != nil {
		g.Since(before, nil, func() capture.Time { return from })
	}
	old := g.Begin(Rule{ID: "RS401"})
	old.Title = func(f *Finding) string { return "stalls" }
	going := Keep(g.Begin(Rule{ID: "RS103", CausedBy: []Cause{{Rules: []string{"RS101"}, Share: SameConnection}}}), Texts[kept]{Title: func(f *Finding, k *kept) string {
		return fmt.Sprintf("%d calls of %d", k.calls, f.Count)
	}})
	act := g.Begin(Rule{ID: "RS101"})
	act.Title = func(*Finding) string { return "act" }
	add := func(at capture.Time, conn int64) Occurrence {
		o := occurrenceOf("10.0.0.1")
		o.Time, o.Conn, o.Victims = at, conn, map[string]int{"wrong value": 1}
		o.Evidence = func() Example { return Example{} }
		return o
	}
	for at := capture.Time(1); at <= end; at++ {
		switch {
		case at == 4:
			act.Add(add(at, 1))
		case at == 5:
			o := add(at, 0)
			o.AnyClient = true
			old.Add(o)
		case at > 5 && at < 10 || at == 12:
			going.Add(add(at, 1)).calls++
		case at >= 10:
			going.Add(add(at, 2)).calls++
		}
	}
	return g
}

// TestSinceReportsWhatIsNew: counts are those beyond the earlier run, and what has not grown is there as a cause only.
func TestSinceReportsWhatIsNew(t *testing.T) {
	g := reportedUntil(12, reportedUntil(9, nil, 0), 10)
	found := map[string]Finding{}
	for _, f := range g.Findings() {
		found[f.Rule] = f
	}
	f := found["RS103"]
	if f.Count != 3 || f.Connections != 2 || f.First != 10 || f.Last != 12 || f.Title != "3 calls of 3" || len(f.Victims) != 1 || f.Victims[0].Count != 3 || len(f.Examples) != 3 {
		t.Errorf("%+v", f)
	}
	if _, there := found["RS401"]; there || len(found) > 2 {
		t.Errorf("what has not grown, and causes nothing, is reported again: %v", found)
	}
	if c := found["RS101"]; len(f.Causes) != 1 || c.Count != 1 || len(c.Notes) != 1 || c.Notes[0] != earlierNote {
		t.Errorf("the cause: %+v", c)
	}
	in := g.Incidents(g.Findings())
	if len(in) != 1 || in[0].Damage.Calls != 3 || in[0].Damage.Connections != 2 {
		t.Errorf("incidents %+v", in)
	}
}

// TestSinceNothingIsNew: nothing is reported again.
func TestSinceNothingIsNew(t *testing.T) {
	g := reportedUntil(12, reportedUntil(12, nil, 0), 13)
	if all := g.Findings(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestSinceTellsOnce: what earlier runs have told is not told again where the rule changed its mind about it in between, and what is
// new is told all the same.
func TestSinceTellsOnce(t *testing.T) {
	begin := func(before *Register, told map[string]int, from capture.Time) (g *Register, add func(at ...capture.Time)) {
		g = NewRegister(RegisterOptions{})
		if before != nil {
			g.Since(before, told, func() capture.Time { return from })
		}
		c := g.Begin(Rule{ID: "RS211"})
		c.Title = func(*Finding) string { return "cancelled" }
		return g, func(at ...capture.Time) {
			for _, x := range at {
				o := occurrenceOf("10.0.0.1")
				o.Time = x
				c.Add(o)
			}
		}
	}
	count := func(g *Register) (n int) {
		for _, f := range g.Findings() {
			n += f.Count
		}
		return n
	}
	first, add := begin(nil, nil, 0)
	add(1, 2, 3)
	if n := count(first); n != 3 {
		t.Fatalf("%d in the first file, want 3", n)
	}
	empty, _ := begin(nil, nil, 0)
	for _, c := range []struct {
		what   string
		before *Register
		at     []capture.Time
		want   int
	}{
		{"nothing is left of what was told, and it is found again with what was not", empty, []capture.Time{1, 2, 3, 4, 5, 11, 12}, 4},
		{"the same, and nothing new", empty, []capture.Time{1, 2, 3}, 0},
		{"packets of what was told are gone", empty, []capture.Time{11, 12}, 2},
		{"packets of some of it are gone", func() *Register { g, add := begin(nil, nil, 0); add(3); return g }(), []capture.Time{3, 11, 12}, 2},
		{"all is there", first, []capture.Time{1, 2, 3, 11}, 1},
	} {
		g, add := begin(c.before, first.Told(), 10)
		add(c.at...)
		if n := count(g); n != c.want {
			t.Errorf("%s: %d told, want %d", c.what, n, c.want)
		}
		total := 3 + c.want
		for _, n := range g.Told() {
			if n != total {
				t.Errorf("%s: %d told in all, want %d", c.what, n, total)
			}
		}
	}
}
