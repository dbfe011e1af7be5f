// Package calibration holds what the analysis says of callers against what their own logs say: whether its words mean what
// they promise, how much it finds, and what each kind of evidence adds.
//
// The tests run on testdata/captures. With RESPSNIFF_EXHAUSTIVE set they also take the larger collection, and leave out one
// kind of evidence after the other. The tables in docs/belief.md are theirs: -update rewrites them.
//
//	go test ./internal/calibration -update
//	RESPSNIFF_EXHAUSTIVE=1 go test ./internal/calibration -update
//	RESPSNIFF_EXHAUSTIVE=1 go test ./internal/calibration -run TestBefore -engine PROGRAM -update
package calibration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/testcap"
)

var other = flag.String("engine", "", "another build of respsniff, whose scores TestBefore measures")

const page = "docs/belief.md"

// wanted is the share of the claims of each kind and word that must be right, over all recordings.
var wanted = [numKinds][numWords]float64{
	misread: {reader.Possible: 0.5, reader.Likely: 0.8, reader.Strong: 0.97, reader.Proven: 0.999},
	own:     {reader.Possible: 0.5, reader.Likely: 0.8, reader.Strong: 0.999, reader.Proven: 0.999},
}

// On a single recording, strong claims may be a little less right than over all; fewer than enough show nothing.
const (
	wantedOfEach = 0.95
	enough       = 20
)

// TestWords holds the words to their promise.
func TestWords(t *testing.T) {
	scores := measureAll(t, repository(t), inProcess(0))
	holdWords(t, scores)
	testcap.Golden(t, page, "words", wordTable(scores))
	var made []*score
	for _, s := range scores {
		if s.set%atServer == fresh {
			made = append(made, s)
		}
	}
	testcap.Golden(t, page, "new recordings", recordingTable(made))
}

// TestCollection does so over everything, and compares with the engine before.
func TestCollection(t *testing.T) {
	if !exhaustive.On() {
		t.Skip("takes the larger collection with " + exhaustive.Variable)
	}
	scores := measureAll(t, everything(t), inProcess(0))
	holdWords(t, scores)
	testcap.Golden(t, page, "words over all", wordTable(scores))
	testcap.Golden(t, page, "sets", setTable(scores, before(t, scores)))
	for _, s := range scores {
		t.Logf("%d %-44s n %5d R %.3f P %s PL %s own %v %v", s.set, s.name, s.misreads, s.recall(), s.least(misread, reader.Strong).permille(), s.least(misread, reader.Likely).permille(), s.least(own, reader.Strong), s.accuses)
	}
}

// holdWords fails where a word is not what it promises.
func holdWords(t *testing.T, scores []*score) {
	t.Helper()
	all := total(scores)
	for k := range numKinds {
		for w := reader.Possible; w <= reader.Proven; w++ {
			if c := all.claims[k][w]; c.said >= enough && c.share() < wanted[k][w] {
				t.Errorf("of the claims that a caller got %s, %s, %d of %d are right: %s, want %s", kindTexts[k], w, c.right, c.said, c.permille(), ratio(wanted[k][w]))
			}
		}
	}
	for _, s := range scores {
		if c := s.least(misread, reader.Strong); c.said >= enough && c.share() < wantedOfEach {
			t.Errorf("%s: of the strong claims that a caller got another's reply, %d of %d are right", s.name, c.right, c.said)
		}
	}
	if len(all.accused) > 0 {
		t.Errorf("healthy and accused: %s", strings.Join(all.accused, " "))
	}
}

// TestAblation measures what each kind of evidence adds.
func TestAblation(t *testing.T) {
	if !exhaustive.On() {
		t.Skip("takes minutes, with " + exhaustive.Variable)
	}
	var list []recording
	for _, r := range repository(t) {
		if r.set < atServer {
			list = append(list, r)
		}
	}
	var b strings.Builder
	b.WriteString("| without | R | R = 0 | P | PL | own reply, strongly: wrong / said | healthy and accused |\n|---|---|---|---|---|---|---|\n")
	for term := reader.Term(0); term <= reader.NumTerms; term++ {
		name, without := "nothing", reader.Terms(0)
		if term > 0 {
			name, without = (term - 1).String(), without.With(term-1)
		}
		s := total(measureAll(t, list, inProcess(without)))
		o, strong, likely := s.least(own, reader.Strong), s.least(misread, reader.Strong), s.least(misread, reader.Likely)
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %d / %d | %d |\n", name, ratio(s.recall), s.blind, strong.permille(), likely.permille(), o.wrong(), o.said, len(s.accused))
	}
	testcap.Golden(t, page, "ablation", b.String())
}

// The scores of the engine before, a line a recording: name, found, then claims and right ones of others' replies at strong
// and at likely or above and of own replies at strong, then the rules that accused.
const beforeFile = "testdata/before.tsv"

// TestBefore measures another build of respsniff, and writes its scores with -update.
func TestBefore(t *testing.T) {
	if *other == "" {
		t.Skip("measures the program given with -engine")
	}
	var b strings.Builder
	for _, s := range measureAll(t, everything(t), program(*other)) {
		strong, likely, o := s.least(misread, reader.Strong), s.least(misread, reader.Likely), s.least(own, reader.Strong)
		fmt.Fprintf(&b, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", s.name, s.found, strong.said, strong.right, likely.said, likely.right, o.said, o.right, strings.Join(s.accuses, " "))
	}
	if flag.Lookup("update").Value.String() != "true" {
		t.Log("\n" + b.String())
	} else if err := os.WriteFile(beforeFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// before reads the scores of the engine before.
func before(t *testing.T, now []*score) (list []*score) {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash(beforeFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		lines[name] = rest
	}
	for _, s := range now {
		was := &score{recording: s.recording, misreads: s.misreads}
		fields := strings.SplitN(lines[s.name], "\t", 8)
		if len(fields) != 8 {
			t.Fatalf("%s has no line for %s", beforeFile, s.name)
		}
		var strong, likely, o tally
		if _, err := fmt.Sscan(strings.Join(fields[:7], " "), &was.found, &strong.said, &strong.right, &likely.said, &likely.right, &o.said, &o.right); err != nil {
			t.Fatalf("%s: %s: %v", beforeFile, s.name, err)
		}
		was.claims[misread][reader.Strong] = strong
		was.claims[misread][reader.Likely] = tally{likely.said - strong.said, likely.right - strong.right}
		was.claims[own][reader.Strong] = o
		was.accuses = strings.Fields(fields[7])
		list = append(list, was)
	}
	return list
}
