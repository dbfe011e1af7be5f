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
		for _, f := range ownFormats {
			t.Run(name+"."+string(f), func(t *testing.T) { golden(t, name+"."+string(f), []byte(writeOwn(t, f, doc))) })
		}
	}
}

// ownFormats are those of this package; package formats has the others, and reads these samples.
var ownFormats = []Format{Text, JSON, NDJSON}

// writeOwn writes a document with all that text can show.
func writeOwn(t *testing.T, f Format, d *Document) string {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch f {
	case Text:
		err = WriteText(&b, d, Options{})
	case JSON:
		err = WriteJSON(&b, d)
	default:
		err = WriteNDJSON(&b, d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
