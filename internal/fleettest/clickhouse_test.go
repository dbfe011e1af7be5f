package fleettest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// clickhouse runs the page's queries for ClickHouse and compares the figures with those of DuckDB. The engine has some
// 500 MB, so it is not installed here: RESPSNIFF_CHDB names a folder that holds the npm package chdb.
func clickhouse(t *testing.T, p page, dir string, duck map[string]result) {
	t.Helper()
	if os.Getenv("RESPSNIFF_CHDB") == "" {
		t.Log("RESPSNIFF_CHDB is not set: the queries for ClickHouse were not run")
		return
	}
	script, err := filepath.Abs(filepath.Join("testdata", "clickhouse.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	// Columns that both engines print alike, in the page's order.
	columns := map[string][2][]int{"dirty": {{0, 2, 3, 4}, {0, 3, 4, 5}}, "pools": {{0, 1, 2, 3}, {0, 1, 2, 3}}, "redirects": {{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}}}
	names := []string{"tables", "dirty", "pools", "redirects"}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = p.block(t, "clickhouse: "+name)
	}
	for i, r := range node(t, script, dir, texts) {
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
