// Sbom writes the bill of materials of a Go program as CycloneDX JSON: the modules that the build recorded in it.
//
//	go run ./scripts/sbom BINARY > BINARY.cdx.json
//
// The output depends on the program alone, so that it is as reproducible as that is.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sbom BINARY")
		os.Exit(3)
	}
	if err := write(os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(2)
	}
}

// https://cyclonedx.org/docs/1.5/json/
type bom struct {
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    metadata    `json:"metadata"`
	Components  []component `json:"components"`
	Depends     []depends   `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type depends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

func write(w io.Writer, path string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(billOf(info, filepath.Base(path), hex.EncodeToString(sum.Sum(nil))))
}

// billOf lists the main module, the standard library and the modules in the program.
func billOf(info *debug.BuildInfo, name, sum string) bom {
	main := component{Type: "application", Ref: purl(&info.Main), Name: name, Version: info.Main.Version, PURL: purl(&info.Main),
		Hashes: []hash{{"SHA-256", sum}}}
	for _, s := range info.Settings {
		if s.Value != "" {
			main.Properties = append(main.Properties, property{"go:" + strings.TrimPrefix(s.Key, "-"), s.Value})
		}
	}
	std := component{Type: "library", Ref: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"), Name: "std", Version: info.GoVersion}
	std.PURL = std.Ref
	b := bom{Format: "CycloneDX", SpecVersion: "1.5", Version: 1, Metadata: metadata{main}, Components: []component{std}}
	all := depends{Ref: main.Ref, On: []string{std.Ref}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component{Type: "library", Ref: purl(m), Name: m.Path, Version: m.Version, PURL: purl(m)}
		// "h1:" is the SHA-256 of the sorted list of files and their sums, in base64 (golang.org/x/mod/sumdb/dirhash).
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(raw) == sha256.Size {
			c.Properties = []property{{"go:sum", m.Sum}}
		}
		b.Components = append(b.Components, c)
		all.On = append(all.On, c.Ref)
	}
	b.Depends = []depends{all}
	return b
}

// purl names a module as https://github.com/package-url/purl-spec does.
func purl(m *debug.Module) string {
	text := "pkg:golang/" + m.Path
	if m.Version != "" && m.Version != "(devel)" {
		text += "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	}
	return text
}
