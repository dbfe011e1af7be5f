package house

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"unicode/utf8"
)

// elsewhere matches what means nothing to somebody who has only this repository: absolute paths of one machine, and the
// larger collection of captures beside some checkouts.
var elsewhere = regexp.MustCompile(`(?:^|[^\w./-])(/(?:work|root|home)/[\w.]*)|(\.\./shared\b)`)

// knowsElsewhere are the files that look for that collection.
var knowsElsewhere = map[string]bool{
	"CONTRIBUTING.md":             true,
	"internal/testcap/testcap.go": true,
}

// maxSpeech is the largest file that is read for text, in bytes.
const maxSpeech = 4 << 20

func TestRepositorySpeaksOfItself(t *testing.T) {
	read := 0
	walk(t, func(path string, d fs.DirEntry) {
		if knowsElsewhere[path] || inside(path, ".ci") || inside(path, "internal/house") {
			return
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxSpeech {
			return
		}
		text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
			return
		}
		read++
		for i, line := range bytes.Split(text, []byte("\n")) {
			if m := elsewhere.Find(line); m != nil {
				t.Errorf("%s:%d: %q: a reader of this repository has no such place", path, i+1, bytes.TrimSpace(m))
			}
		}
	})
	if read < 100 {
		t.Fatalf("only %d files were read", read)
	}
}
