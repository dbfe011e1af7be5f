package calibration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/testcap"
)

// recording is a capture whose clients kept a log, or of which it is known that every caller got its own reply.
type recording struct {
	name    string // with the tap, where there are two
	capture string // path
	log     string // path; "": every caller that got a reply got its own, and who got none is not known
	set     set
	network bool // of folder wan
}

// full reports whether the log names every caller that got nothing. Older logs do not name those behind the first one of a
// pipeline, or those of other servers.
func (r *recording) full() bool {
	return r.set%atServer == fresh && r.log != "" || strings.HasSuffix(r.log, ".log.jsonl.gz")
}

// set says what a recording was to the model.
type set int

const (
	design   set = iota // the model was designed on it
	check               // of the same laboratory and time, looked at only as a sum
	fresh               // made after the model was done, counted once
	atServer            // added to one of the above
	numSets  = 2 * atServer
)

// firstFresh is the number that the names of recordings made afterwards begin with, or a higher one.
const firstFresh = "50"

var setNames = [numSets]string{
	"design", "check", "new", "design, at the server", "check, at the server", "new, at the server",
}

// wan are the recordings of the larger collection in folder wan; every second one, in order of names, was for design.
const wan = "wan"

var designed = regexp.MustCompile(`^(01a|02a|04|07a)_`)

// repository returns the recordings of testdata/captures.
func repository(tb testing.TB) []recording {
	return in(tb, testcap.Own(), nil)
}

// everything returns those of the larger collection too. A test is skipped where there is none, and fails in CI, which
// has it.
func everything(tb testing.TB) []recording {
	tb.Helper()
	all := repository(tb)
	dir := testcap.Larger()
	switch {
	case exists(dir):
	case os.Getenv("CI") != "":
		tb.Fatal("the larger collection of captures is missing")
	default:
		tb.Skip("the larger collection of captures is not beside this checkout")
	}
	have := map[string]bool{}
	for _, r := range all {
		have[r.name] = true
	}
	all = append(all, in(tb, dir, have)...)
	more := in(tb, filepath.Join(dir, wan), have)
	var names []string
	for _, r := range more {
		names = append(names, withoutTap(r.name))
	}
	names = slices.Compact(names)
	for i := range more {
		more[i].network = true
		if slices.Index(names, withoutTap(more[i].name))%2 == 0 {
			more[i].set -= check - design
		}
	}
	all = append(all, more...)
	for _, name := range []string{"one_goroutine", "twin_six_goroutines"} { // throw late replies away, so none is misread
		all = append(all, recording{name: name, capture: filepath.Join(dir, "bugs", "03-skip-aware-sequential-client", name+".pcap.gz"), set: check})
	}
	return all
}

// in returns the recordings of a folder in order of their names, but for those that are known.
func in(tb testing.TB, dir string, known map[string]bool) (all []recording) {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pcap*"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".pcap")
		r := recording{name: name, capture: file, set: check}
		switch {
		case known[name], strings.HasSuffix(name, ".legs"): // legs: a proxy's two sides, which the log does not tell apart
			continue
		case designed.MatchString(name):
			r.set = design
		case filepath.Base(dir) != wan && name >= firstFresh && name[0] <= '9':
			r.set = fresh
		}
		if strings.HasSuffix(name, ".server") {
			r.set += atServer
		}
		for _, log := range []string{".truth.json", ".truth.json.gz", ".log.jsonl.gz"} {
			if p := filepath.Join(dir, withoutTap(name)+log); r.log == "" && exists(p) {
				r.log = p
			}
		}
		if r.log != "" || strings.HasSuffix(name, "_healthy") || strings.HasSuffix(name, "_reconnects") {
			all = append(all, r)
		}
	}
	return all
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// withoutTap is the name that the recordings at both ends have in common.
func withoutTap(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".client"), ".server")
}
