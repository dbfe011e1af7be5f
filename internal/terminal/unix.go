//go:build unix

// Package terminal knows how wide terminals are.
package terminal

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Columns returns the width of a terminal in characters, 80 where it does not say; 0: w is no terminal, for only terminals
// have a window size. Of a writer around another one it asks that one.
func Columns(w io.Writer) int {
	if around, ok := w.(interface{ Unwrap() io.Writer }); ok {
		w = around.Unwrap()
	}
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0
	case size.Col == 0:
		return 80
	}
	return int(size.Col)
}
