package timesort

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

func TestSorter(t *testing.T) {
	for _, tc := range []struct{ records, memory int }{{0, 100}, {1, 1}, {500, 1 << 20}, {500, 1000}, {5000, 2000}, {20000, 1500}} {
		t.Run(fmt.Sprintf("%d in %d", tc.records, tc.memory), func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			random := rand.New(rand.NewPCG(1, 2))
			type one struct {
				at capture.Time
				n  int
			}
			var want []one
			s := Sorter{Memory: tc.memory}
			most := 0
			for n := range tc.records {
				at := capture.Time(random.IntN(tc.records/3+1) - 50)
				want = append(want, one{at, n})
				if err := s.Add(at, fmt.Appendf(bytes.Repeat([]byte("x"), n%7), "%d.%d", at, n)); err != nil {
					t.Fatal(err)
				}
				most = max(most, len(s.text)+perRecord*len(s.records))
				if len(s.runs) > maxRuns {
					t.Fatalf("%d runs", len(s.runs))
				}
			}
			if most > tc.memory+100 {
				t.Errorf("%d bytes in memory", most)
			}
			if tc.records >= 20000 && len(s.runs) < 2 || tc.memory >= 1<<20 && len(s.runs) > 0 {
				t.Errorf("%d runs", len(s.runs))
			}
			if named, _ := filepath.Glob(filepath.Join(dir, "*")); len(named) > 0 && runtime.GOOS != "windows" {
				t.Errorf("names that a killed run would leave: %v", named)
			}
			slices.SortStableFunc(want, func(a, b one) int { return int(a.at - b.at) })
			i := 0
			for text, err := range s.All() {
				if err != nil {
					t.Fatal(err)
				}
				if w := fmt.Sprintf("%d.%d", want[i].at, want[i].n); string(bytes.TrimLeft(text, "x")) != w {
					t.Fatalf("record %d: %s, want %s", i, text, w)
				}
				i++
			}
			if i != tc.records {
				t.Errorf("%d records of %d", i, tc.records)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestSorterWithoutADirectory(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	s := Sorter{Memory: 10}
	err := s.Add(1, []byte("abc"))
	if err == nil {
		err = s.Add(0, []byte("def"))
	}
	if err == nil {
		t.Error("no error")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestSorterOfADamagedRun: what cannot be read back is an error, not a shorter list.
func TestSorterOfADamagedRun(t *testing.T) {
	for cut := range int64(12) {
		s := Sorter{Memory: 60}
		for i := range 3 {
			if err := s.Add(capture.Time(i), []byte("some text")); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.runs) == 0 {
			t.Fatal("no run")
		}
		if err := s.runs[0].Truncate(cut + 1); err != nil {
			t.Fatal(err)
		}
		var failed error
		for _, err := range s.All() {
			failed = err
		}
		if whole := cut+1 == 12; (failed == nil) != whole {
			t.Errorf("cut to %d bytes: %v", cut+1, failed)
		}
		s.Close()
	}
	if _, err := os.Stat(os.TempDir()); err != nil {
		t.Error(err)
	}
}
