package detectors_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/scenario"
)

// headings are those of every rule's page, in order.
var headings = []string{
	"What it means", "On the wire", "Why it happens", "Confirm it", "Fix it", "When it is wrong", "Parameters", "Since",
}

var fence = regexp.MustCompile("(?s)```(scenario|text)\n(.*?)```")

// TestPages holds a rule's five names together: id and name, source file, page, scenarios. Its page has the headings of
// all pages, and the scenario under "On the wire" makes the rule fire with the output that stands behind it.
func TestPages(t *testing.T) {
	for _, d := range detectors.All() {
		t.Run(d.ID, func(t *testing.T) {
			base := strings.ToLower(d.ID) + "_" + strings.ReplaceAll(d.Name, "-", "_")
			if _, err := os.Stat(base + ".go"); err != nil {
				t.Error(err)
			}
			for _, kind := range []string{"fires", "silent"} {
				if m, _ := filepath.Glob("../../testdata/scenarios/" + strings.ToLower(d.ID) + "/" + kind + "_*.txt"); len(m) == 0 {
					t.Errorf("no %s scenario", kind)
				}
			}
			checkPage(t, d, base+".md")
		})
	}
}

func checkPage(t *testing.T, d *analysis.Detector, file string) {
	page := detectors.Page(d.ID)
	if !strings.HasPrefix(page, "# "+d.ID+" "+d.Name+"\n") {
		t.Fatalf("%s does not begin with its id and name", file)
	}
	var have []string
	for _, line := range strings.Split(page, "\n") {
		if h, ok := strings.CutPrefix(line, "## "); ok {
			have = append(have, h)
		}
	}
	if !slices.Equal(have, headings) {
		t.Fatalf("%s has the headings %q, want %q", file, have, headings)
	}
	for _, p := range d.Params {
		if !strings.Contains(page, p.Name) {
			t.Errorf("%s does not mention the parameter %s", file, p.Name)
		}
	}
	blocks := fence.FindAllStringSubmatchIndex(page, -1)
	if len(blocks) < 2 {
		t.Fatalf("%s has no runnable scenario with its output", file)
	}
	src := page[blocks[0][4]:blocks[0][5]]
	s, err := scenario.Parse(file, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	r := inspect(t, s.Packets(), optionsOf(t, s))
	got := ""
	for _, f := range r.findings {
		if f.Rule == d.ID {
			got = printed(f)
			break
		}
	}
	if got == "" {
		t.Fatalf("%s: the scenario does not make the rule fire; found %v", file, verdicts(r, ""))
	}
	text := blocks[1]
	if page[text[4]:text[5]] == got {
		return
	}
	if flag.Lookup("update").Value.String() != "true" {
		t.Fatalf("%s shows\n%s\nthe tool prints\n%s\naccept with go test -run TestPages -update", file, page[text[4]:text[5]], got)
	}
	if err := os.WriteFile(file, []byte(page[:text[4]]+got+page[text[5]:]), 0o644); err != nil {
		t.Fatal(err)
	}
}

// printed is what the tool says of a finding's first example.
func printed(f incident.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s  %s, %s\n%s.\n", f.Rule, f.Name, f.Severity, f.Confidence, f.Title)
	if len(f.Examples) == 0 {
		return b.String()
	}
	for _, fact := range f.Examples[0].Facts {
		fmt.Fprintf(&b, "- %s\n", fact)
	}
	for _, v := range f.Examples[0].Victims {
		fmt.Fprintf(&b, "#%d %s %s  meant: %s  got: %s of #%d (%s)\n", v.Index, v.Command, v.Key, v.Meant, v.Got, v.Believes, v.Confidence)
	}
	return b.String()
}
