package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// Sizes beyond which a thing has more than one idea.
const (
	maxPackageLines = 4000
	maxFields       = 25
	maxMethodFiles  = 4
)

// manySmallRules are the packages that are long because they hold many things of one kind, each in a file of its own.
var manySmallRules = []string{"analysis/detectors"}

// TestPackagesHaveOneIdea counts the lines of each package, tests apart.
func TestPackagesHaveOneIdea(t *testing.T) {
	lines := map[string]int{}
	for _, s := range sources(t) {
		lines[s.dir] += s.lines()
	}
	for dir, n := range lines {
		if n > maxPackageLines && !slices.Contains(manySmallRules, dir) {
			t.Errorf("%s has %d lines, at most %d are one idea: it wants a wall", dir, n, maxPackageLines)
		}
	}
}

// TestStructsAreReadAtOnce counts fields; what is embedded counts as one.
func TestStructsAreReadAtOnce(t *testing.T) {
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				if n := fields(st); n > maxFields {
					t.Errorf("%s: %s has %d fields, at most %d: fields that one thing writes are a type of their own", s.at(spec), spec.Name.Name, n, maxFields)
				}
			}
			return true
		})
	}
}

func fields(st *ast.StructType) int {
	n := 0
	for _, f := range st.Fields.List {
		n += max(1, len(f.Names))
	}
	return n
}

// TestMethodsStandTogether counts the files that a type's methods are spread over.
func TestMethodsStandTogether(t *testing.T) {
	files := map[string][]string{}
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			of := s.dir + "." + receiver(f.Recv.List[0].Type)
			if !slices.Contains(files[of], s.path) {
				files[of] = append(files[of], s.path)
			}
		}
	}
	for of, in := range files {
		if len(in) > maxMethodFiles {
			slices.Sort(in)
			t.Errorf("%s has methods in %d files, at most %d: %s", of, len(in), maxMethodFiles, strings.Join(in, " "))
		}
	}
}

// receiver names the type that a method is of.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
