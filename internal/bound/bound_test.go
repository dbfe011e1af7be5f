package bound

import "testing"

func TestReachedBoundsAreNamedOnce(t *testing.T) {
	var s Set
	links := s.New(Bound{Name: "links", Limit: 2, Hides: "further links", Loses: Detail})
	if again := s.New(Bound{Name: "links", Limit: 9}); again != links {
		t.Error("a second limit of the same name is another limit")
	}
	s.New(Bound{Name: "never", Limit: 1})
	for n, want := range []bool{true, true, false, false} {
		if got := links.Admits(n); got != want {
			t.Errorf("Admits(%d) = %v", n, got)
		}
	}
	if got := s.Reached(); len(got) != 1 || got[0].Name != "links" || got[0].Hits != 2 {
		t.Errorf("Reached() = %+v", got)
	}
	if s.LosesEvidence() {
		t.Error("a bound of detail makes the run incomplete")
	}
	groups := s.New(Bound{Name: "groups", Limit: 0, Loses: Evidence})
	groups.Admits(0)
	if got := s.Reached(); len(got) != 2 || got[0].Name != "groups" {
		t.Errorf("Reached() = %+v, want them by name", got)
	}
	if !s.LosesEvidence() {
		t.Error("a bound of evidence does not make the run incomplete")
	}
}

func TestHitsOfAnEarlierSetAreAdded(t *testing.T) {
	var earlier, later Set
	earlier.New(Bound{Name: "links", Limit: 1, Loses: Evidence}).Hits = 3
	earlier.New(Bound{Name: "groups", Limit: 2, Hides: "further groups"}).Hits = 4
	earlier.New(Bound{Name: "never", Limit: 2})
	links := later.New(Bound{Name: "links", Limit: 1, Loses: Evidence})
	links.Hits = 2
	later.Add(&earlier)
	got := later.Reached()
	if len(got) != 2 || got[0].Name != "groups" || got[0].Hits != 4 || got[0].Hides != "further groups" || got[1].Hits != 5 || links.Hits != 5 {
		t.Errorf("Reached() = %+v", got)
	}
	if earlier.Reached()[0].Hits != 4 {
		t.Error("the earlier set changed")
	}
}
