package keylog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/internal/bound"
)

func line(b byte) string {
	r, _ := fill(b, 32)
	return "CLIENT_TRAFFIC_SECRET_0 " + r + " " + r + "\n"
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
}

// has checks which connections' secrets are known: those of these bytes, in this order.
func has(t *testing.T, what string, l *Log, want ...byte) {
	t.Helper()
	var got []byte
	for r := range l.All() {
		got = append(got, r[0])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func TestFilesAreFollowed(t *testing.T) {
	dir := t.TempDir()
	name, late := filepath.Join(dir, "a"), filepath.Join(dir, "late")
	write(t, name, line(1)+line(2)[:50])
	l := New(&bound.Set{})
	f := l.Follow()
	defer f.Close()
	for file, want := range map[string]bool{name: true, late: false} {
		if there, err := f.Add(file); there != want || err != nil {
			t.Fatalf("%s: there %v, %v", file, there, err)
		}
	}
	has(t, "at first", l, 1)
	f.Poll()
	has(t, "nothing was added", l, 1)
	add(t, name, line(2)[50:])
	f.Poll()
	has(t, "the line was finished", l, 1, 2)
	write(t, late, line(3))
	f.Poll()
	has(t, "the other file came", l, 1, 2, 3)

	write(t, name, line(4)) // shorter: the client began anew
	check(t, f)
	has(t, "cut to begin anew", l, 1, 2, 3, 4)
	add(t, name, strings.TrimSuffix(line(5), "\n"))
	f.Poll()
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	check(t, f)
	has(t, "renamed, its last line not ended", l, 1, 2, 3, 4)
	write(t, name, line(6))
	check(t, f)
	has(t, "replaced", l, 1, 2, 3, 4, 5, 6)
	add(t, name, line(7))
	f.Poll()
	has(t, "added to the new one", l, 1, 2, 3, 4, 5, 6, 7)
	if st := l.Stats(); st.Bad > 0 {
		t.Errorf("%+v", st)
	}
}

func check(t *testing.T, f *Follower) {
	t.Helper()
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}

func TestPipesAreFollowed(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	name := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(name); err != nil {
		t.Skip("no files of descriptors here")
	}
	l := New(&bound.Set{})
	f := l.Follow()
	defer f.Close()
	if there, err := f.Add(name); !there || err != nil {
		t.Fatal(there, err)
	}
	f.Poll() // nothing is there, and it does not wait
	if _, err := io.WriteString(w, line(1)); err != nil {
		t.Fatal(err)
	}
	await(t, f, l, 1)
	if _, err := io.WriteString(w, strings.TrimSuffix(line(2), "\n")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	await(t, f, l, 2)
	check(t, f)
	f.Poll()
	has(t, "at the end", l, 1, 2)
}

func await(t *testing.T, f *Follower, l *Log, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); l.Len() < n; time.Sleep(time.Millisecond) {
		if f.Poll(); time.Now().After(end) {
			t.Fatalf("%d of %d", l.Len(), n)
		}
	}
}

func TestFileThatCannotBeReadIsSaidOnce(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	l := New(&bound.Set{})
	f := l.Follow()
	defer f.Close()
	if _, err := f.Add(dir); err == nil {
		t.Error("a folder is a key log")
	}
	if there, err := f.Add(name); there || err != nil {
		t.Error(there, err)
	}
	check(t, f)
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("%v", err)
	}
	check(t, f)
}

func TestFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	name, other, empty := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	write(t, name, line(1)+line(1)+"CLIENT_RANDOM\n")
	write(t, other, line(2))
	write(t, empty, "CLIENT_FUTURE 00 00\n")
	var warnings, details []string
	note := func(to *[]string) func(string, ...any) {
		return func(format string, args ...any) { *to = append(*to, fmt.Sprintf(format, args...)) }
	}
	l := New(&bound.Set{})
	if err := l.ReadFiles([]string{name, empty}, other, note(&warnings), note(&details)); err != nil {
		t.Fatal(err)
	}
	has(t, "files", l, 1, 2)
	if diff := cmp.Diff([]string{empty + " holds no secrets of TLS"}, warnings); diff != "" {
		t.Error(diff)
	}
	if want := name + ": secrets: 1, doubled lines: 1, damaged lines: 1"; len(details) != 3 || details[0] != want {
		t.Errorf("%q", details)
	}
	warnings = nil
	if err := l.ReadFiles(nil, filepath.Join(dir, "none"), note(&warnings), note(&details)); err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "SSLKEYLOGFILE: ") {
		t.Errorf("%v, %q", err, warnings)
	}
	if err := l.ReadFiles([]string{filepath.Join(dir, "none")}, "", note(&warnings), note(&details)); err == nil {
		t.Error("a file that is not there is no error")
	}
}
