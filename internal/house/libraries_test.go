package house

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// calls that a library must not make, by package and function; "" is the language itself.
var forbiddenCalls = map[string][]string{
	"":    {"panic", "print", "println"},
	"os":  {"Exit"},
	"fmt": {"Print", "Printf", "Println"},
}

// TestLibrariesNeitherPrintNorExit holds for everything but programs and what only tests use.
func TestLibrariesNeitherPrintNorExit(t *testing.T) {
	for _, s := range libraries(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			pkg, name := "", ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				if x, ok := f.X.(*ast.Ident); ok {
					pkg, name = x.Name, f.Sel.Name
				}
			}
			if slices.Contains(forbiddenCalls[pkg], name) {
				t.Errorf("%s: calls %s: libraries return errors; they never print, log, exit or panic", s.at(call), strings.TrimPrefix(pkg+"."+name, "."))
			}
			return true
		})
	}
}

// TestNoInit holds for programs too: what a package does begins when it is called.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init(): work at import time cannot be tested, ordered or refused", s.at(f))
			}
		}
	}
}

// TestPackageVariablesHoldNoState allows sentinels, tables, compiled expressions and templates, and embedded files:
// variables with a value that nothing in the package replaces.
func TestPackageVariablesHoldNoState(t *testing.T) {
	type place struct{ dir, name string }
	declared := map[place]string{}
	all := sources(t)
	for _, s := range all {
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				embedded := g.Doc != nil && strings.Contains(commentText(g.Doc), "//go:embed") ||
					v.Doc != nil && strings.Contains(commentText(v.Doc), "//go:embed")
				for _, name := range v.Names {
					if name.Name == "_" || embedded {
						continue
					}
					declared[place{s.dir, name.Name}] = s.at(name)
					if len(v.Values) == 0 && !s.program {
						t.Errorf("%s: package variable %s begins without a value, so something sets it later: state belongs in a type", s.at(name), name.Name)
					}
				}
			}
		}
	}
	for _, s := range all {
		ast.Inspect(s.file, func(n ast.Node) bool {
			f, ok := n.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				return true
			}
			local := localNames(f)
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if a, ok := n.(*ast.AssignStmt); ok && a.Tok != token.DEFINE {
					for _, left := range a.Lhs {
						if id, ok := left.(*ast.Ident); ok && !local[id.Name] && declared[place{s.dir, id.Name}] != "" {
							t.Errorf("%s: sets the package variable %s: state belongs in a type", s.at(a), id.Name)
						}
					}
				}
				return true
			})
			return false
		})
	}
}

// commentText keeps directives, which CommentGroup.Text drops.
func commentText(g *ast.CommentGroup) string {
	var b strings.Builder
	for _, c := range g.List {
		b.WriteString(c.Text + "\n")
	}
	return b.String()
}

// localNames gives every name that a function declares anywhere in it: a coarse view, which can miss a package variable
// of the same name but accuses nobody wrongly.
func localNames(f *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, left := range n.Lhs {
					if id, ok := left.(*ast.Ident); ok {
						names[id.Name] = true
					}
				}
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if id, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					names[id.Name] = true
				}
			}
		}
		return true
	})
	return names
}

// libraries are the sources of packages that others import for their work.
func libraries(t *testing.T) []*source {
	return slices.DeleteFunc(sources(t), func(s *source) bool {
		return s.program || inside(s.dir, "internal/testcap") || inside(s.dir, "internal/testenv")
	})
}
