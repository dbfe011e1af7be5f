package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var errFill = errors.New("no more")

func fill(text string, err error) func(io.Writer) error {
	return func(w io.Writer) error {
		_, failed := io.WriteString(w, text)
		return errors.Join(failed, err)
	}
}

// TestWriteIsWholeOrNothing: a file that cannot be filled does not appear, and one that exists stays without force.
func TestWriteIsWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, tc := range []struct {
		text  string
		fails error
		force bool
		want  error
		holds string
	}{
		{"half", errFill, false, errFill, ""},
		{"one", nil, false, nil, "one"},
		{"two", nil, false, fs.ErrExist, "one"},
		{"half", errFill, true, errFill, "one"},
		{"two", nil, true, nil, "two"},
	} {
		if err := Write(path, tc.force, fill(tc.text, tc.fails)); !errors.Is(err, tc.want) {
			t.Errorf("%q: %v, want %v", tc.text, err, tc.want)
		}
		if b, _ := os.ReadFile(path); string(b) != tc.holds {
			t.Errorf("after %q the file holds %q, want %q", tc.text, b, tc.holds)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%d files are left, %v", len(all), err)
	}
}

func TestStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	w, end := Stream(path, false)
	if _, err := io.WriteString(w, "rows"); err != nil {
		t.Fatal(err)
	}
	if err := end(errFill); !errors.Is(err, errFill) || Exists(path) {
		t.Errorf("%v, exists %v", err, Exists(path))
	}
	w, end = Stream(path, false)
	if _, err := io.WriteString(w, "rows"); err != nil {
		t.Fatal(err)
	}
	if err := end(nil); err != nil || !Exists(path) {
		t.Errorf("%v, exists %v", err, Exists(path))
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for path, ok := range map[string]bool{"": true, os.DevNull: true, filepath.Join(dir, "new"): true, dir: false, filepath.Join(dir, "no", "new"): false} {
		if err := Check(path); (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
}
