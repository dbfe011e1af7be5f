package wholefile

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Input returns the input that a path is, by whatever name or link: writing there would destroy what is read. Of a directory
// the files in it are inputs; "-" is stdin.
func Input(path string, inputs []string, stdin io.Reader) (name string, ok bool) {
	out, err := os.Stat(path)
	if err != nil || !out.Mode().IsRegular() {
		return "", false
	}
	same := func(info fs.FileInfo, err error) bool { return err == nil && os.SameFile(info, out) }
	for _, in := range inputs {
		if f, isFile := stdin.(*os.File); in == "-" && isFile && same(f.Stat()) {
			return "standard input", true
		}
		info, err := os.Stat(in)
		if same(info, err) {
			return in, true
		}
		if err != nil || !info.IsDir() {
			continue
		}
		entries, _ := os.ReadDir(in) // what cannot be listed cannot be read
		for _, e := range entries {
			if inside := filepath.Join(in, e.Name()); same(os.Stat(inside)) {
				return inside, true
			}
		}
	}
	return "", false
}
