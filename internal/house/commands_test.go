package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// documents are the pages that show commands.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "analysis/detectors/*.md", "testdata/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			rel, err := filepath.Rel(root(t), file)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, filepath.ToSlash(rel))
		}
	}
	return paths
}

// block matches a fenced block of commands, with the line before it.
var block = regexp.MustCompile("(?m)^(.*)\n```(sh|console|bash|ini|dockerfile|yaml|sql)$")

// runMark matches the comments of blocks that tests run, by name or as they stand.
var runMark = regexp.MustCompile(`^<!-- ((run|collect|duckdb|clickhouse|commands)(: .+)?|expectation|collect) -->$`)

// notRun matches those of blocks that no test runs, with the reason.
var notRun = regexp.MustCompile(`^<!-- not run: .+ -->$`)

// TestBlocksAreRunOrMarked: every block of commands on a page is run by a test, or says why not. The name of one that is run
// stands in a test.
func TestBlocksAreRunOrMarked(t *testing.T) {
	tests := testTexts(t)
	blocks := 0
	for _, path := range documents(t) {
		for _, m := range block.FindAllStringSubmatch(readPage(t, path).text, -1) {
			blocks++
			mark := strings.TrimSpace(m[1])
			switch {
			case notRun.MatchString(mark):
			case mark == "<!-- run -->":
				if !slices.Contains(shown, path) {
					t.Errorf("%s: a block is marked %s, and no test runs those of this page", path, mark)
				}
			case runMark.MatchString(mark):
				name := strings.TrimSuffix(strings.TrimPrefix(mark, "<!-- "), " -->")
				engine, _, named := strings.Cut(name, ": ")
				if !strings.Contains(tests, `"`+name+`"`) && !(named && strings.Contains(tests, `"`+engine+`: "`)) {
					t.Errorf("%s: a block is marked %s, and no test runs one of this name", path, mark)
				}
			default:
				t.Errorf("%s: a block of %s behind %.60q has no mark: <!-- run: NAME -->, if a test runs it, or <!-- not run: REASON -->", path, m[2], m[1])
			}
		}
	}
	if blocks < 30 {
		t.Errorf("only %d blocks were found", blocks)
	}
}

// testTexts is the text of all tests that run pages.
func testTexts(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, pattern := range []string{"internal/house/*_test.go", "internal/fleettest/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("%d tests: %v", len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(text)
		}
	}
	return b.String()
}

// mention matches the program with a command and what follows on the line, in code.
var mention = regexp.MustCompile("(?m)(?:^|[ `'|/\"])respsniff ([a-z]+)((?: [^`|#\n;]*)?)")

// longFlag matches a flag by its name.
var longFlag = regexp.MustCompile(`(?:^|\s)--([a-z][a-z0-9._-]*)`)

// TestCommandsOnPagesExist: every command of respsniff that a page names is one, with the flags that it has.
func TestCommandsOnPagesExist(t *testing.T) {
	program := build(t)
	list := shell(t, program, "respsniff --help")
	help := map[string]func() string{}
	for line := range strings.Lines(list) {
		if m := regexp.MustCompile(`^  ([a-z]+)  `).FindStringSubmatch(line); m != nil {
			help[m[1]] = sync.OnceValue(func() string { return shell(t, program, "respsniff "+m[1]+" --help") })
		}
	}
	parameters := shell(t, program, "respsniff help parameters")
	checked := 0
	for _, path := range documents(t) {
		for _, m := range mention.FindAllStringSubmatch(codeOf(readPage(t, path).text), -1) {
			name, rest := m[1], m[2]
			if slices.Contains([]string{"man", "help", "completion"}, name) { // for packagers, and what cobra makes
				continue
			}
			if help[name] == nil {
				t.Errorf("%s: 'respsniff %s%s': there is no such command", path, name, rest)
				continue
			}
			for _, f := range longFlag.FindAllStringSubmatch(rest, -1) {
				checked++
				known := regexp.MustCompile(`--` + regexp.QuoteMeta(f[1]) + `\b`)
				if text := help[name](); !known.MatchString(text) && !(strings.Contains(f[1], ".") && known.MatchString(parameters)) && f[1] != "help" {
					t.Errorf("%s: 'respsniff %s%s': it has no flag --%s", path, name, rest, f[1])
				}
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d flags were looked up", checked)
	}
}

// codeOf is what stands in code on a page: fenced blocks and spans between backticks.
func codeOf(page string) string {
	var b strings.Builder
	for i, part := range strings.Split(page, "```") {
		if i%2 == 1 {
			b.WriteString(strings.ReplaceAll(part, "\\\n", " ") + "\n")
			continue
		}
		for j, span := range strings.Split(part, "`") {
			if j%2 == 1 {
				b.WriteString(span + "\n")
			}
		}
	}
	return b.String()
}
