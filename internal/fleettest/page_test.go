package fleettest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/testcap"
)

// document is the page under test, from the root of the repository.
const document = "docs/fleet.md"

// page is the text of the document.
type page string

func readPage(t *testing.T) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(document)))
	if err != nil {
		t.Fatal(err)
	}
	return page(text)
}

// block gives the code that stands behind the comment <!-- mark -->.
func (p page) block(t *testing.T, mark string) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(p), "<!-- "+mark+" -->\n```")
	_, rest, ok2 := strings.Cut(rest, "\n")
	code, _, ok3 := strings.Cut(rest, "```")
	if !ok || !ok2 || !ok3 {
		t.Fatalf("%s has no block %q", document, mark)
	}
	return code
}

var query = regexp.MustCompile(`<!-- duckdb: (\w+) -->`)

// queries names the page's texts of SQL for DuckDB, in order.
func (p page) queries() []string {
	var names []string
	for _, m := range query.FindAllStringSubmatch(string(p), -1) {
		names = append(names, m[1])
	}
	return names
}

// shows compares what the page shows as the result of a query with what it is, or rewrites it under -update.
func shows(t *testing.T, name string, r result) {
	t.Helper()
	testcap.Golden(t, document, "result of "+name, "```text\n"+table(r)+"```\n")
}

// table aligns columns with two spaces between them.
func table(r result) string {
	widths := make([]int, len(r.Columns))
	lines := append([][]string{r.Columns}, r.Rows...)
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var row strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&row, "%-*s  ", widths[i], cell)
		}
		b.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	return b.String()
}
