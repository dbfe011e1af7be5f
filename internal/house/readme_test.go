package house

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/analysis/detectors"
)

var update = flag.Bool("update", false, "rewrite what README.md and docs show of the program")

// runTimeout bounds one command of a page.
const runTimeout = 5 * time.Minute

// page is a Markdown file whose generated parts are compared, or rewritten.
type page struct {
	path      string
	old, text string
}

func readPage(t *testing.T, path string) *page {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return &page{path, string(b), string(b)}
}

// done compares, or rewrites the file under -update.
func (p *page) done(t *testing.T) {
	t.Helper()
	if p.text == p.old {
		return
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root(t), filepath.FromSlash(p.path)), []byte(p.text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s no longer shows what is (-shown +is); accept with: go test ./internal/house -update\n%s", p.path, cmp.Diff(strings.Split(p.old, "\n"), strings.Split(p.text, "\n")))
}

// runnable is a block that shows commands, on lines that begin with a prompt, and their output.
var runnable = regexp.MustCompile("(?s)<!-- run -->\n```console\n(.*?)```\n")

// prompt begins a line of a runnable block that holds a command.
const prompt = "$ "

// shown are the pages with such blocks.
var shown = []string{"README.md", "docs/pairing.md", "docs/ci.md", "docs/verdicts.md"}

// TestPagesShowRealRuns runs every command that a page shows and compares its output.
func TestPagesShowRealRuns(t *testing.T) {
	program := build(t)
	for _, path := range shown {
		t.Run(path, func(t *testing.T) {
			p := readPage(t, path)
			blocks := 0
			p.text = runnable.ReplaceAllStringFunc(p.text, func(block string) string {
				blocks++
				var real strings.Builder
				for line := range strings.Lines(runnable.FindStringSubmatch(block)[1]) {
					if command, ok := strings.CutPrefix(line, prompt); ok {
						real.WriteString(line + shell(t, program, command))
					}
				}
				return "<!-- run -->\n```console\n" + real.String() + "```\n"
			})
			if blocks == 0 {
				t.Errorf("%s shows no run", path)
			}
			p.done(t)
		})
	}
}

// TestReadmeCommandsWork runs the commands of "From a checkout" but the tests, which would run this one.
func TestReadmeCommandsWork(t *testing.T) {
	p := readPage(t, "README.md")
	_, section, ok := strings.Cut(p.text, "## From a checkout\n")
	if !ok {
		t.Fatal("README.md has no section From a checkout")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var commands []string
	mark := "<!-- " + "run: checkout" + " -->\n"
	for _, m := range regexp.MustCompile("(?s)"+mark+"```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		commands = append(commands, strings.Split(strings.TrimSpace(m[1]), "\n")...)
	}
	want := []string{"go mod download", "go build ./cmd/respsniff", "./respsniff analyze testdata/captures/01a_small.pcap.gz", "go test ./..."}
	if diff := cmp.Diff(want, commands); diff != "" {
		t.Fatalf("two commands to set up, one for the main job, one for the tests (-want +README):\n%s", diff)
	}
	if out := shell(t, build(t), strings.Replace(commands[2], "./respsniff", "respsniff", 1)); !strings.HasPrefix(out, "DESYNC: ") {
		t.Errorf("%s begins with %.100q", commands[2], out)
	}
}

// TestReadmeListsTheRules holds the table of rules against the rules.
func TestReadmeListsTheRules(t *testing.T) {
	var table strings.Builder
	table.WriteString("| rule | severity | says that |\n|---|---|---|\n")
	for _, d := range detectors.All() {
		file := strings.ToLower(d.ID) + "_" + strings.ReplaceAll(d.Name, "-", "_") + ".md"
		fmt.Fprintf(&table, "| [%s](analysis/detectors/%s) %s | %s | %s |\n", d.ID, file, d.Name, d.Severity, strings.ReplaceAll(d.Summary, "|", `\|`))
	}
	p := readPage(t, "README.md")
	const begin, end = "<!-- rules -->\n", "<!-- end of rules -->"
	head, rest, ok := strings.Cut(p.text, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md lacks %q and %q", begin, end)
	}
	p.text = head + begin + table.String() + end + tail
	p.done(t)
}

// TestReadmeListsTheCommands: each command has its line, or stands elsewhere in the text.
func TestReadmeListsTheCommands(t *testing.T) {
	text := readPage(t, "README.md").text
	_, list, _ := strings.Cut(shell(t, build(t), "respsniff --help"), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var missing []string
	for line := range strings.Lines(list) {
		name := strings.Fields(line)[0]
		if !slices.Contains([]string{"completion", "help", "version"}, name) && !strings.Contains(text, "respsniff "+name+" ") && !strings.Contains(text, "respsniff "+name+"`") {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		t.Errorf("README.md says nothing of the commands %q", missing)
	}
}

// TestPagesLinkToWhatIs follows the relative links of all pages.
func TestPagesLinkToWhatIs(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)
	for _, pattern := range []string{"*.md", "docs/*.md", "testdata/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range link.FindAllSubmatch(text, -1) {
				if _, err := os.Stat(filepath.Join(filepath.Dir(file), filepath.FromSlash(string(m[1])))); err != nil {
					t.Errorf("%s links to %s, which is not there", filepath.Base(file), m[1])
				}
			}
		}
	}
}

// programDir is where built puts the program.
var programDir string

func TestMain(m *testing.M) {
	var err error
	if programDir, err = os.MkdirTemp("", "respsniff"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(programDir)
	os.Exit(code)
}

// built makes the program, once.
var built = sync.OnceValue(func() error {
	cmd := exec.Command("go", "build", "-o", filepath.Join(programDir, "respsniff"), module+"/cmd/respsniff")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// build gives the folder of the program, which the pages run in a Unix shell.
func build(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the pages show a Unix shell")
	}
	if err := built(); err != nil {
		t.Fatal(err)
	}
	return programDir
}

// shell runs a command line in the root of the repository, with the program on the path, and gives its standard output.
// Findings make the program's exit code 1; worse ones fail.
func shell(t *testing.T, program, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "PATH="+program+string(os.PathListSeparator)+os.Getenv("PATH"), "TZ=UTC", "NO_COLOR=1",
		"XDG_CONFIG_HOME="+t.TempDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%s: %v\n%s", command, err, errs.Bytes())
	}
	return out.String()
}
