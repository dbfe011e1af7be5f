package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name, or rewrites the file with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nto accept: go test ./internal/report -run '%s' -update", path, diff, t.Name())
	}
}

func TestGolden(t *testing.T) {
	for name, doc := range map[string]*Document{
		"sample":  sample(),
		"healthy": {Complete: true, Input: []Input{{File: "ok.pcapng", Packets: 10}}, Summary: Summary{Packets: 10, Connections: 1, Redis: 1, Commands: 4, Replies: 4, Clients: 1, Servers: 1, First: sampleStart, Last: sampleStart}},
	} {
		for _, f := range Formats {
			t.Run(name+"."+string(f), func(t *testing.T) {
				var b bytes.Buffer
				if err := Write(&b, f, doc, Options{}); err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+string(f), b.Bytes())
			})
		}
	}
}
