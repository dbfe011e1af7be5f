package house

import (
	"go/ast"
	gobuild "go/build"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const gopacketPath = "github.com/google/gopacket"

// target is a way to build the program.
type target struct {
	system  string
	cgo     bool
	libpcap bool // with the tag of that name
}

// targets are all ways between which sources choose.
func targets() []target {
	var all []target
	for _, system := range []string{"linux", "darwin", "dragonfly", "freebsd", "netbsd", "openbsd", "windows"} {
		for _, cgo := range []bool{false, true} {
			all = append(all, target{system, cgo, false}, target{system, cgo, true})
		}
	}
	return all
}

// has reports whether a source is part of that build.
func (x target) has(t *testing.T, s *source) bool {
	t.Helper()
	c := gobuild.Default
	c.GOOS, c.GOARCH, c.CgoEnabled = x.system, "amd64", x.cgo
	if x.libpcap {
		c.BuildTags = []string{"libpcap"}
	}
	dir, name := filepath.Split(filepath.Join(root(t), filepath.FromSlash(s.path)))
	ok, err := c.MatchFile(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// linked returns the packages of gopacket that the program imports, through however many of this repository's.
func (x target) linked(t *testing.T, all []*source) map[string]bool {
	t.Helper()
	found, seen := map[string]bool{}, map[string]bool{}
	for queue := []string{"cmd/respsniff"}; len(queue) > 0; queue = queue[1:] {
		if seen[queue[0]] {
			continue
		}
		seen[queue[0]] = true
		for _, s := range all {
			if s.dir != queue[0] || !x.has(t, s) {
				continue
			}
			for _, path := range s.imports() {
				if mine, ok := strings.CutPrefix(path, module+"/"); ok {
					queue = append(queue, mine)
				} else if inside(path, gopacketPath) {
					found[path] = true
				}
			}
		}
	}
	return found
}

// linkedWhen gives the words of docs/dependencies.md a meaning.
var linkedWhen = map[string]func(target) bool{
	"always": func(target) bool { return true },
	"with cgo on macOS and the BSDs, and with the tag `libpcap` anywhere": func(x target) bool {
		return x.libpcap || x.cgo && x.system != "linux" && x.system != "windows"
	},
}

// gopacketSection is the part of docs/dependencies.md about gopacket.
func gopacketSection(t *testing.T) string {
	t.Helper()
	_, text, ok := strings.Cut(readPage(t, "docs/dependencies.md").text, "\n## gopacket\n")
	if !ok {
		t.Fatal("docs/dependencies.md has no section gopacket")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// quoted are the words in backquotes.
func quoted(text string) []string {
	var words []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	slices.Sort(words)
	return words
}

// TestGopacketIsWhereThePageSays: which packages of gopacket are imported, by which, and in which builds.
func TestGopacketIsWhereThePageSays(t *testing.T) {
	all := sources(t)
	importers := map[string]map[string]bool{}
	for _, s := range all {
		for _, path := range s.imports() {
			if inside(path, gopacketPath) {
				if importers[path] == nil {
					importers[path] = map[string]bool{}
				}
				importers[path][s.dir] = true
			}
		}
	}
	linked := map[target]map[string]bool{}
	for _, x := range targets() {
		linked[x] = x.linked(t, all)
	}
	rows := regexp.MustCompile("(?m)^\\| `("+gopacketPath+"[^`]*)` \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(gopacketSection(t), -1)
	for _, row := range rows {
		path, where, words := row[1], quoted(row[2]), row[3]
		if diff := cmp.Diff(where, slices.Sorted(maps.Keys(importers[path]))); diff != "" {
			t.Errorf("%s is imported elsewhere than docs/dependencies.md says (-page +sources):\n%s", path, diff)
		}
		delete(importers, path)
		when, ok := linkedWhen[words]
		if !ok {
			t.Errorf("docs/dependencies.md: %s is linked %q: say in this test what that means", path, words)
			continue
		}
		for x, found := range linked {
			if found[path] != when(x) {
				t.Errorf("docs/dependencies.md: %s is linked %s; for %+v it is %v", path, words, x, found[path])
			}
		}
	}
	for path := range importers {
		t.Errorf("docs/dependencies.md says nothing of %s", path)
	}
	readme := strings.Join(strings.Fields(readPage(t, "README.md").text), " ")
	for words := range linkedWhen {
		if words != "always" && !strings.Contains(readme, "linked "+words) {
			t.Errorf("README.md does not say what is linked %s", words)
		}
	}
}

// TestDecodersAreNamed: reassembly uses the decoders that docs/dependencies.md lists, and nothing that decodes what a
// packet says it holds.
func TestDecodersAreNamed(t *testing.T) {
	var page []string
	for _, m := range regexp.MustCompile("(?m)^\\| ([`A-Za-z0-9, ]+) \\| [^|]+ \\|$").FindAllStringSubmatch(gopacketSection(t), -1) {
		page = append(page, quoted(m[1])...)
	}
	slices.Sort(page)
	used := map[string]bool{}
	for _, s := range sources(t) {
		if !slices.ContainsFunc(s.imports(), func(path string) bool { return inside(path, gopacketPath) }) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			switch name := sel.Sel.Name; {
			case pkg.Name == "gopacket" && (strings.HasPrefix(name, "NewPacket") || name == "PacketSource"), pkg.Name == "layers" && name == "LinuxSLL":
				t.Errorf("%s: uses %s.%s, whose decoders a packet chooses, or panics", s.at(sel), pkg.Name, name)
			case pkg.Name == "layers" && inside(s.dir, "reassembly") && !strings.HasPrefix(name, "LayerType") && !strings.HasPrefix(name, "ProtocolFamily"):
				used[name] = true
			}
			return true
		})
	}
	if diff := cmp.Diff(page, slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("docs/dependencies.md lists other decoders than reassembly uses (-page +sources):\n%s", diff)
	}
}

// TestEachBuildHasOneLiveBackend: the build constraints in capture leave neither none nor two.
func TestEachBuildHasOneLiveBackend(t *testing.T) {
	all := sources(t)
	for _, x := range targets() {
		var files []string
		for _, s := range all {
			if s.dir != "capture" || !x.has(t, s) {
				continue
			}
			for _, d := range s.file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "openLiveBackend" {
					files = append(files, s.path)
				}
			}
		}
		if len(files) != 1 {
			t.Errorf("%+v: live capture is in %q", x, files)
		}
	}
}
