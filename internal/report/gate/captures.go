package gate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// captureEndings are the names under which captures are looked for in a directory, longest first.
var captureEndings = []string{".pcapng.zst", ".pcapng.gz", ".pcap.zst", ".pcap.gz", ".cap.gz", ".pcapng", ".pcap", ".cap"}

const expectEnding = ".expect.yaml"

func captureStem(name string) (string, bool) {
	for _, ending := range captureEndings {
		if stem, ok := strings.CutSuffix(name, ending); ok {
			return stem, true
		}
	}
	return strings.TrimSuffix(name, filepath.Ext(name)), false
}

// ExpectationPath returns where the expectation of a capture lies: beside it.
func ExpectationPath(capture string) string {
	stem, _ := captureStem(capture)
	return stem + expectEnding
}

// Captures lists the captures to verify: each named file, and of a directory, at any depth, those with an
// expectation beside them, or all of them when expectations are to be written. An expectation without its capture is an
// error: a gate that silently checks less is none.
func Captures(names []string, all bool) ([]string, error) {
	var captures []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			captures = append(captures, name)
			continue
		}
		var found, expectations []string
		err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if strings.HasSuffix(path, expectEnding) {
				expectations = append(expectations, path)
			} else if _, ok := captureStem(path); ok {
				found = append(found, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, e := range expectations {
			if !slices.ContainsFunc(found, func(c string) bool { return ExpectationPath(c) == e }) {
				return nil, fmt.Errorf("%s: no capture beside it", e)
			}
		}
		for _, c := range found {
			if all || slices.Contains(expectations, ExpectationPath(c)) {
				captures = append(captures, c)
			}
		}
	}
	if len(captures) == 0 {
		return nil, errors.New("no capture with an expectation beside it: 'respsniff verify --write' makes them")
	}
	return captures, nil
}
