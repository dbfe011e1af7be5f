package testcap

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

var update = flag.Bool("update", false, "rewrite goldens and the measured parts of documents")

// Golden compares a part of a document with what a test has measured. The part stands between the comments
// <!-- measured: NAME --> and <!-- end -->. With -update it is rewritten.
func Golden(tb testing.TB, document, name, want string) {
	tb.Helper()
	_, self, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(self), "..", "..", document)
	raw, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	open := "<!-- measured: " + name + " -->\n"
	head, rest, ok := strings.Cut(string(raw), open)
	have, tail, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		tb.Fatalf("%s has no part %q", document, name)
	}
	if have == want {
		return
	}
	if !*update {
		tb.Errorf("%s: part %q is\n%s\nmeasured:\n%s\naccept with go test -run %s -update", document, name, have, want, tb.Name())
		return
	}
	if err := os.WriteFile(path, []byte(head+open+want+"<!-- end -->"+tail), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// Packets reads a capture into memory.
func Packets(tb testing.TB, name string) (list []capture.Packet) {
	tb.Helper()
	src, err := capture.Open([]string{Path(tb, name)}, capture.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	for p, err := range src.Packets() {
		if err != nil {
			tb.Fatal(err)
		}
		p.Data = bytes.Clone(p.Data)
		list = append(list, p)
	}
	return list
}
