package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCapturesHaveProvenance: each capture has its row, each row its capture.
func TestCapturesHaveProvenance(t *testing.T) {
	const dir = "testdata/captures"
	text := readPage(t, dir+"/README.md").text
	files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(dir), "*"))
	if err != nil {
		t.Fatal(err)
	}
	inFolders, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(dir), "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range inFolders {
		stem, _, _ := strings.Cut(filepath.Base(file), ".")
		if name := filepath.Base(filepath.Dir(file)) + "/" + stem; !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s/README.md has no position %s comes from", dir, name)
		}
	}
	there := map[string]bool{}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(file), ".gz")
		there[name] = true
		stem, _, _ := strings.Cut(name, ".")
		if name != "README.md" && !strings.Contains(text, "`"+stem+".pcap`") {
			t.Errorf("%s/README.md has no position %s comes from", dir, name)
		}
	}
	for _, m := range regexp.MustCompile("`(\\w+\\.pcap)`").FindAllStringSubmatch(text, -1) {
		if !there[m[1]] {
			t.Errorf("%s/README.md names %s, which is not there", dir, m[1])
		}
	}
}

// TestDependenciesHaveReasons: each direct requirement of go.mod has its row, each row its requirement.
func TestDependenciesHaveReasons(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\t?(\S+\.\S+/\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		required[regexp.MustCompile(`/v\d+$`).ReplaceAllString(m[1], "")] = true
	}
	if len(required) < 5 {
		t.Fatalf("found only %d requirements in go.mod", len(required))
	}
	rows := regexp.MustCompile("(?m)^\\| `(\\S+\\.\\S+/\\S+)` \\| [^|]+ \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(readPage(t, "docs/dependencies.md").text, -1)
	for _, row := range rows {
		if !required[row[1]] {
			t.Errorf("docs/dependencies.md lists %s, which go.mod does not require", row[1])
		}
		delete(required, row[1])
	}
	for path := range required {
		t.Errorf("docs/dependencies.md gives no reason for %s", path)
	}
}
