// Package wholefile makes files that appear whole or not at all, readable by their owner only.
package wholefile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// pattern names the files that are being filled, beside the ones that they become.
const pattern = ".respsniff-*"

// Exists reports whether a file, or a link to none, has this name. Pipes and devices are there to be written to.
func Exists(path string) bool {
	if info, err := os.Stat(path); err == nil {
		return info.Mode().IsRegular()
	}
	_, err := os.Lstat(path)
	return err == nil
}

// Check reports whether Write could make path, as far as its directory goes. It accepts "", standard output.
func Check(path string) error {
	info, err := os.Stat(path)
	switch {
	case path == "", err == nil && !info.Mode().IsRegular() && !info.IsDir():
		return nil
	case err == nil && info.IsDir():
		return &fs.PathError{Op: "open", Path: path, Err: errors.New("is a directory")}
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), pattern)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return &fs.PathError{Op: "create", Path: path, Err: e.Err}
	}
	if err != nil {
		return err
	}
	return errors.Join(tmp.Close(), os.Remove(tmp.Name()))
}

// Write makes a file with what fill writes. It never replaces another file unless force is set. What exists and is not a
// regular file (a pipe, /dev/null) is written to.
func Write(path string, force bool, fill func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(fill(f), f.Close())
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), pattern) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(fill(tmp), tmp.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if force {
		return os.Rename(tmp.Name(), path)
	}
	err = os.Link(tmp.Name(), path) // unlike a rename, fails where path exists
	if errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	if err == nil {
		return nil
	}
	// A file system without hard links: create the name first, so that it cannot be another's.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Rename(tmp.Name(), path))
}

// Stream makes a file of what is written to w until end, which returns its error. With an error of its own, end makes no
// file.
func Stream(path string, force bool) (w io.Writer, end func(failed error) error) {
	pr, pw := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := Write(path, force, func(w io.Writer) error {
			_, err := io.Copy(w, pr)
			return err
		})
		pr.CloseWithError(cmp.Or(err, io.ErrClosedPipe))
		result <- err
	}()
	return pw, func(failed error) error {
		pw.CloseWithError(failed)
		return <-result
	}
}
