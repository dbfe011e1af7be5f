package fleettest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/internal/testcap"
)

// bothEnds are recordings of one traffic at both ends. The page shows the results of the first.
var bothEnds = []struct{ run, client, server string }{
	{"wan", "wan/10h_wan_T2000_big_reused.client.pcap.gz", "wan/10h_wan_T2000_big_reused.server.pcap.gz"},
	{"pool", "50d_pool_T150_rtt30_mixed.pcap", "50d_pool_T150_rtt30_mixed.server.pcap"},
}

// TestContribQueries runs the tables, views and queries of contrib on recordings of both ends: in DuckDB, and in ClickHouse,
// which must agree.
func TestContribQueries(t *testing.T) {
	if testing.Short() {
		t.Skip("installs DuckDB")
	}
	duck := newDuckDB(t)
	chdb := chDB(t)
	bin := program(t)
	for i, x := range bothEnds {
		t.Run(x.run, func(t *testing.T) {
			dir := t.TempDir()
			commands := "set -e\n" + readPage(t).block(t, "collect: labelled")
			for host, name := range map[string]string{"app1": x.client, "redis1": x.server} {
				shell(t, dir, bin, commands, "HOST="+host, "RUN="+x.run, "CAPTURE="+testcap.Path(t, name))
			}
			names, queries := contribQueries(t, "duckdb")
			results := duck.run(t, dir, append([]string{contrib(t, "duckdb/views.sql")}, queries...))[1:]
			for j, r := range results {
				if len(r.Rows) == 0 {
					t.Errorf("%s: no rows", names[j])
				}
				if i == 0 {
					testcap.Golden(t, document, "both ends: "+names[j], "```text\n"+table(r)+"```\n")
				}
			}
			agree(t, results[0])
			if chdb == "" {
				return
			}
			other, queries := contribQueries(t, "clickhouse")
			if diff := cmp.Diff(names, other); diff != "" {
				t.Fatalf("queries (-DuckDB +ClickHouse):\n%s", diff)
			}
			texts := append([]string{contrib(t, "clickhouse/tables.sql"), contrib(t, "clickhouse/views.sql")}, inserts(t, dir)...)
			texts = append(texts, inserts(t, dir)...) // a second time changes nothing once rows are merged
			texts = append(texts, "OPTIMIZE TABLE conns FINAL", "OPTIMIZE TABLE pairs FINAL", "OPTIMIZE TABLE findings FINAL", "OPTIMIZE TABLE incidents FINAL")
			got := node(t, clickhouseScript(t), dir, append(texts, queries...), "RESPSNIFF_CHDB="+chdb)[len(texts):]
			for j := range got {
				if diff := cmp.Diff(results[j].Rows, got[j].Rows); diff != "" {
					t.Errorf("%s (-DuckDB +ClickHouse):\n%s", names[j], diff)
				}
			}
		})
	}
}

// agree checks what is known of any recording of both ends: they have the same commands, and the server's share of the time is
// what is left of a reply when the network is taken off.
func agree(t *testing.T, r result) {
	t.Helper()
	if len(r.Rows) != 1 || r.Rows[0][0] != "app1" || r.Rows[0][1] != "redis1" {
		t.Fatalf("ends: %v", r.Rows)
	}
	both, near, far := sum(t, r, "both"), sum(t, r, "only_near"), sum(t, r, "only_far")
	if both == 0 || near+far > both/4 {
		t.Errorf("misread as both ends show it: %d; as one does: %d and %d", both, near, far)
	}
	if net := sum(t, r, "net_us"); net < 30_000 || net > 200_000 {
		t.Errorf("%d us of network, of some 30 ms each way", net)
	}
}

func contrib(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "contrib", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var queryName = regexp.MustCompile(`(?m)^-- name: (\w+)\n`)

// contribQueries reads the queries of an engine.
func contribQueries(t *testing.T, engine string) (names, queries []string) {
	t.Helper()
	text := contrib(t, engine+"/queries.sql")
	for _, m := range queryName.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names, queryName.Split(text, -1)[1:]
}

// inserts are the statements that insert the rows of a folder, with their data behind them as clickhouse-client sends it.
func inserts(t *testing.T, dir string) (texts []string) {
	t.Helper()
	for table, kind := range map[string]string{"conns": "conns", "pairs": "pairs", "analyses": "findings"} {
		files, err := filepath.Glob(filepath.Join(dir, "fleet", "*."+kind+".ndjson"))
		if err != nil || len(files) != 2 {
			t.Fatalf("files %v: %v", files, err)
		}
		for _, file := range files {
			rows, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, contrib(t, "clickhouse/insert_"+table+".sql")+string(rows))
		}
	}
	return texts
}

// TestSplitOnThePage runs what the page says of split and merge, with a stand-in for GNU parallel where that is missing.
func TestSplitOnThePage(t *testing.T) {
	dir, bin := t.TempDir(), program(t)
	commands := readPage(t).block(t, "run: split")
	if _, err := exec.LookPath("parallel"); err != nil {
		before, after, ok := strings.Cut(commands, "ls parts/*.pcapng | parallel ")
		command, rest, ok2 := strings.Cut(after, "\n")
		if !ok || !ok2 {
			t.Fatal("the page does not use parallel")
		}
		command = strings.NewReplacer("{.}", "${f%.pcapng}", "{}", "$f").Replace(command)
		commands = before + "for f in parts/*.pcapng; do " + command + "; done\n" + rest
	}
	out := shell(t, dir, bin, "set -e\n"+commands, "CAPTURE="+testcap.Path(t, "01a_small.pcap"))
	if !strings.Contains(out, "DESYNC: 37 calls got another call's reply") {
		t.Errorf("merged:\n%s", out)
	}
}
