// Package testcap finds the real captures that tests run on.
package testcap

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Path returns the path of a capture or truth file: from testdata/captures, where it may be gzipped and is then
// unpacked into the test's own folder, else from the larger collection beside the checkout. A test whose capture is in
// neither is skipped, but fails in CI, which has both.
func Path(tb testing.TB, name string) string {
	tb.Helper()
	for _, dir := range []string{Own(), Larger()} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	if f, err := os.Open(filepath.Join(Own(), name+".gz")); err == nil {
		defer f.Close()
		return unpack(tb, f, name)
	}
	if os.Getenv("CI") != "" {
		tb.Fatalf("capture %s is missing", name)
	}
	tb.Skipf("capture %s is not in this checkout", name)
	return ""
}

// Own is the folder of the captures of this repository.
func Own() string { return filepath.Join(root(), "testdata", "captures") }

// Larger is the folder of the larger collection beside the checkout, which may not be there.
func Larger() string { return filepath.Join(root(), "..", "shared", "captures") }

func root() string {
	_, self, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(self), "..", "..")
}

func unpack(tb testing.TB, f io.Reader, name string) string {
	tb.Helper()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	p := filepath.Join(tb.TempDir(), name)
	out, err := os.Create(p)
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, z); err != nil {
		tb.Fatal(err)
	}
	return p
}
