package fleettest

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chdbPackage is ClickHouse as a library.
const chdbPackage = "chdb@3.4.0"

// chDB returns a folder that holds ClickHouse's engine; "" where there is none. It has more than 500 MB, so it is installed in
// CI only; elsewhere RESPSNIFF_CHDB names a folder that holds the npm package chdb.
func chDB(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("RESPSNIFF_CHDB"); dir != "" {
		return dir
	}
	if os.Getenv("CI") == "" || runtime.GOOS != "linux" {
		t.Log("the queries for ClickHouse are not run: RESPSNIFF_CHDB names no folder with its engine, and this is not CI")
		return ""
	}
	dir := t.TempDir()
	if err := install(t, dir, chdbPackage); err != nil {
		t.Fatal(err)
	}
	return dir
}

func clickhouseScript(t *testing.T) string {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "clickhouse.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// clickhouse runs the page's queries for ClickHouse and compares the figures with those of DuckDB.
func clickhouse(t *testing.T, p page, dir string, duck map[string]result) {
	t.Helper()
	chdb := chDB(t)
	if chdb == "" {
		return
	}
	// Columns that both engines print alike, in the page's order.
	columns := map[string][2][]int{"dirty": {{0, 2, 3, 4}, {0, 3, 4, 5}}, "pools": {{0, 1, 2, 3}, {0, 1, 2, 3}}, "redirects": {{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}}}
	names := []string{"tables", "dirty", "pools", "redirects"}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = p.block(t, "clickhouse: "+name)
	}
	for i, r := range node(t, clickhouseScript(t), dir, texts, "RESPSNIFF_CHDB="+chdb) {
		if c, ok := columns[names[i]]; ok {
			if diff := cmp.Diff(pick(duck[names[i]].Rows, c[1]), pick(r.Rows, c[0])); diff != "" {
				t.Errorf("%s (-DuckDB +ClickHouse):\n%s", names[i], diff)
			}
		}
	}
}

func pick(rows [][]string, columns []int) [][]string {
	var picked [][]string
	for _, row := range rows {
		var cells []string
		for i, cell := range row {
			if slices.Contains(columns, i) {
				cells = append(cells, cell)
			}
		}
		picked = append(picked, cells)
	}
	return picked
}
