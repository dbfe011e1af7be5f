package bench_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/respsniff/respsniff/internal/exhaustive"
)

// Instructions are counted, because processor time is not the same twice on a machine that has other work. They hardly depend on
// the machine; another version of Go may change them, and then the numbers here with a run of the test.
var instructions = []struct {
	name    string
	traffic func() *traffic
	command float64 // instructions a command and its reply
}{
	{"request and reply", func() *traffic { return newTraffic(50, 1) }, 5176},
	{"pipelines of 32", func() *traffic { return newTraffic(50, 32) }, 3341},
	{"an invalidation behind each reply", func() *traffic { t := newTraffic(50, 1); t.pushes = true; return t }, 8906},
}

// tolerance is by how much a count may differ from the number here, either way: what has become faster is to stay so.
const tolerance = 0.05

// TestInstructions counts the instructions that analyze takes for a command, all rules on. What the start takes falls out: two
// captures are compared.
func TestInstructions(t *testing.T) {
	switch _, err := exec.LookPath("valgrind"); {
	case !exhaustive.On():
		t.Skip("counted in .ci/run: valgrind takes fifty times as long as the processor")
	case err != nil && os.Getenv("CI") == "":
		t.Skip("valgrind is not installed")
	case err != nil:
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "respsniff")
	build := exec.Command("go", "build", "-o", program, "github.com/respsniff/respsniff/cmd/respsniff")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range instructions {
		t.Run(c.name, func(t *testing.T) {
			const few, many = 8_000, 24_000 // commands
			counted := func(commands int) float64 {
				source := c.traffic()
				return count(t, program, generate(t, source, 2*commands/source.depth))
			}
			got := (counted(many) - counted(few)) / (many - few)
			t.Logf("%.0f instructions a command", got)
			if got < c.command*(1-tolerance) || got > c.command*(1+tolerance) {
				t.Errorf("%.0f instructions a command, want %.0f, give or take %.0f %%", got, c.command, 100*tolerance)
			}
		})
	}
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// count returns how many instructions the analysis of a capture takes.
func count(t *testing.T, program, file string) float64 {
	t.Helper()
	c := exec.Command("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "analyze", "-q", file)
	c.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1") // else timers have a say
	out, err := c.CombinedOutput()
	m := collected.FindSubmatch(out)
	if m == nil || err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n, _ := strconv.ParseFloat(string(m[1]), 64)
	return n
}
