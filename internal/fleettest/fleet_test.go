package fleettest

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/testcap"
)

// hosts are the hosts of the page, with what was captured on each.
var hosts = []struct{ name, capture string }{
	{"app1", "01a_small.pcap"}, {"app2", "03a_jedispool_leak_4s.pcap"}, {"app3", "04_cluster_moved_cli.pcap"},
}

// TestFleetQueries does what the page says, with real captures, and compares the results with those that it shows, and
// the figures that matter with a count of the rows by hand.
func TestFleetQueries(t *testing.T) {
	if testing.Short() {
		t.Skip("installs DuckDB")
	}
	db := newDuckDB(t)
	p := readPage(t)
	dir := t.TempDir()
	collect(t, p, dir)
	names := p.queries()
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = p.block(t, "duckdb: "+name)
	}
	results := map[string]result{}
	for i, r := range db.run(t, dir, texts) {
		results[names[i]] = r
		if names[i] != "views" && names[i] != "parquet" {
			if len(r.Rows) == 0 {
				t.Errorf("%s: the query finds nothing", names[i])
			}
			shows(t, names[i], r)
		}
	}
	clickhouse(t, p, dir, results)
	total, dirty, redirects := tally(t, dir)
	for _, c := range []struct {
		query, column string
		want          int
	}{
		{"dirty", "dirty", dirty}, {"lake", "conns", total}, {"lake", "dirty", dirty}, {"redirects", "redirects", redirects},
	} {
		if got := sum(t, results[c.query], c.column); got != c.want || got == 0 {
			t.Errorf("%s: the sum of %s is %d, counted %d", c.query, c.column, got, c.want)
		}
	}
}

// program builds respsniff into a folder of the test.
func program(t *testing.T) (bin string) {
	t.Helper()
	bin = t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "respsniff"), "github.com/respsniff/respsniff/cmd/respsniff")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// shell runs commands in a folder, with the program that was built. It returns what they printed.
func shell(t *testing.T, dir, bin, commands string, env ...string) string {
	t.Helper()
	sh := exec.CommandContext(t.Context(), "sh", "-c", commands)
	sh.Dir = dir
	sh.Env = append(append(os.Environ(), env...), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CONFIG_HOME="+filepath.Join(dir, "none"))
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", env, err, out)
	}
	return string(out)
}

// collect runs the page's commands for each host.
func collect(t *testing.T, p page, dir string) {
	t.Helper()
	bin := program(t)
	commands := "set -e\n" + p.block(t, "collect")
	for _, host := range hosts {
		shell(t, dir, bin, commands, "HOST="+host.name, "CAPTURE="+testcap.Path(t, host.capture))
	}
	if err := os.WriteFile(filepath.Join(dir, "services.csv"), []byte(p.block(t, "services")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// storm is how many redirects from one node to another in ten seconds the page's query asks for.
const storm = 3

// tally counts connections, dirty ones, and the redirects of storms from the rows themselves.
func tally(t *testing.T, dir string) (total, dirty, redirects int) {
	t.Helper()
	storms := map[string]int{}
	for _, host := range hosts {
		for _, kind := range []string{"conns", "pairs"} {
			f, err := os.Open(filepath.Join(dir, "fleet", "host="+host.name, kind+".ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for lines := bufio.NewScanner(f); lines.Scan(); {
				var row struct {
					Type   string
					Dirty  bool
					Server string
					Time   string
					Serves struct{ Error string }
				}
				if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
					t.Fatal(err)
				}
				switch {
				case row.Type == "conn":
					total++
					if row.Dirty {
						dirty++
					}
				case strings.HasPrefix(row.Serves.Error, "MOVED "), strings.HasPrefix(row.Serves.Error, "ASK "):
					tens := row.Time[:len("2006-01-02T15:04:0")]
					storms[tens+row.Server+strings.Fields(row.Serves.Error)[2]]++
				}
			}
		}
	}
	for _, n := range storms {
		if n >= storm {
			redirects += n
		}
	}
	return total, dirty, redirects
}

// sum adds up a column.
func sum(t *testing.T, r result, column string) int {
	t.Helper()
	total := 0
	for _, row := range r.Rows {
		for i, name := range r.Columns {
			if name == column {
				n, err := strconv.Atoi(row[i])
				if err != nil {
					t.Fatal(err)
				}
				total += n
			}
		}
	}
	return total
}
