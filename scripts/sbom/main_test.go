package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

// TestBillOfThisTest: the program is the test itself, of which the runtime knows the modules too.
func TestBillOfThisTest(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := write(&out, self); err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(out.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || len(b.Metadata.Component.Hashes[0].Content) != 64 || b.Components[0].Name != "std" {
		t.Errorf("%s", out.Bytes())
	}
	if err := write(&out, "main.go"); err == nil {
		t.Error("a text has a bill of materials")
	}
}

func TestModules(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.1", Main: debug.Module{Path: "example.org/a", Version: "v0.1.0+dirty"}, Deps: []*debug.Module{
		{Path: "example.org/b", Version: "v1.0.0", Sum: "h1:" + strings.Repeat("A", 43) + "="},
		{Path: "example.org/c", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/d", Version: "v2.0.0"}},
	}}
	b := billOf(info, "a", "00")
	var names []string
	for _, c := range b.Components {
		names = append(names, c.Name+" "+c.PURL)
	}
	got := strings.Join(append(names, b.Metadata.Component.PURL), "\n")
	want := "std pkg:golang/std@1.26.1\nexample.org/b pkg:golang/example.org/b@v1.0.0\nexample.org/d pkg:golang/example.org/d@v2.0.0\npkg:golang/example.org/a@v0.1.0%2Bdirty"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if p := b.Components[1].Properties; len(p) != 1 || p[0].Name != "go:sum" {
		t.Errorf("properties %v", p)
	}
}
