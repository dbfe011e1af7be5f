package fleettest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// duckdbPackage is the DuckDB that the queries are tested with: its binary is inside the package, and installing it
// runs no script.
const duckdbPackage = "@duckdb/node-api@1.5.6-r.1"

const (
	installTimeout = 3 * time.Minute
	runTimeout     = 5 * time.Minute
)

// result is what one text of SQL gave, each value as DuckDB prints it.
type result struct {
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// duckdb is a DuckDB in a folder of the test.
type duckdb struct{ dir string }

// newDuckDB installs DuckDB. Outside CI a test without npm, or without its registry, is skipped.
func newDuckDB(t *testing.T) *duckdb {
	t.Helper()
	lacks := t.Skipf
	if os.Getenv("CI") != "" {
		lacks = t.Fatalf
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			lacks("the queries are run by DuckDB's package for Node.js: %v", err)
		}
	}
	d := &duckdb{t.TempDir()}
	script, err := os.ReadFile(filepath.Join("testdata", "duckdb.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "duckdb.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := install(t, d.dir, duckdbPackage); err != nil {
		lacks("%v", err)
	}
	return d
}

// install installs an npm package into a folder.
func install(t *testing.T, dir, name string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installTimeout)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, name)
	npm.WaitDelay = time.Second
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install %s: %w\n%s", name, err, out)
	}
	return nil
}

// run executes texts of SQL one after another in one database, with dir as the working folder.
func (d *duckdb) run(t *testing.T, dir string, texts []string) []result {
	t.Helper()
	return node(t, filepath.Join(d.dir, "duckdb.mjs"), dir, texts)
}

// node gives the texts to a script for Node.js and reads its results.
func node(t *testing.T, script, dir string, texts []string, env ...string) []result {
	t.Helper()
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(in), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(script), err, errs.Bytes())
	}
	var results []result
	if err := json.Unmarshal(out.Bytes(), &results); err != nil {
		t.Fatal(err)
	}
	if len(results) != len(texts) {
		t.Fatalf("%d results of %d texts", len(results), len(texts))
	}
	return results
}
