package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the repository.
const module = "github.com/respsniff/respsniff"

// source is one Go file that is no test.
type source struct {
	path    string // from the root of the repository, with slashes
	dir     string // of the package, from the root; "" is the root
	program bool   // package main
	fset    *token.FileSet
	file    *ast.File
}

// imports returns the import paths of the file.
func (s *source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// at gives file and line of a node.
func (s *source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// lines counts the lines of the file.
func (s *source) lines() int { return s.fset.File(s.file.FileStart).LineCount() }

func root(tb testing.TB) string {
	tb.Helper()
	_, self, _, ok := runtime.Caller(0)
	if !ok {
		tb.Fatal("no caller")
	}
	return filepath.Join(filepath.Dir(self), "..", "..")
}

// walk calls visit with each file of the repository: those of Git itself and of test runs are not.
func walk(tb testing.TB, visit func(path string, d fs.DirEntry)) {
	tb.Helper()
	top := root(tb)
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		path := filepath.ToSlash(rel)
		switch {
		case d.IsDir() && (path == ".git" || path == "testdata/tmp"):
			return filepath.SkipDir
		case d.IsDir() || path == ".git": // a file in a worktree
			return nil
		}
		visit(path, d)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// sources parses every Go file of the repository that is no test.
func sources(tb testing.TB) []*source {
	tb.Helper()
	var all []*source
	walk(tb, func(path string, _ fs.DirEntry) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains("/"+path, "/testdata/") {
			return
		}
		text, err := os.ReadFile(filepath.Join(root(tb), filepath.FromSlash(path)))
		if err != nil {
			tb.Fatal(err)
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		dir := strings.TrimSuffix(path, path[strings.LastIndexByte("/"+path, '/'):])
		all = append(all, &source{path, strings.TrimSuffix(dir, "/"), file.Name.Name == "main", fset, file})
	})
	if len(all) < 50 {
		tb.Fatalf("only %d Go files found under %s", len(all), root(tb))
	}
	return all
}
