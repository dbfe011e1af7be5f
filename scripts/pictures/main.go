// Pictures draws the page of captures in a browser, for the documentation and for who changes it:
//
//	go run ./scripts/pictures -o DIR [-hash conn-11-3] [-sizes 1280x900,390x844] [-dark both] REPORT.html...
//
// What it writes is NAME-WIDTHxHEIGHT[-dark].png for each page.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/respsniff/respsniff/internal/chromium"
)

func main() {
	dir := flag.String("o", ".", "directory of the pictures")
	hash := flag.String("hash", "", "part of the page: conn-11-3")
	sizes := flag.String("sizes", "1280x900,390x844", "sizes of the window")
	dark := flag.String("dark", "both", "no, yes or both")
	do := flag.String("do", "", "a script to run before the picture is taken")
	flag.Parse()
	if err := pictures(flag.Args(), *dir, *hash, strings.Split(*sizes, ","), *dark, *do); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func pictures(pages []string, dir, hash string, sizes []string, dark, do string) error {
	b, err := chromium.Start(10 * time.Minute)
	if err != nil {
		return err
	}
	defer b.Close()
	for _, page := range pages {
		path, err := filepath.Abs(page)
		if err != nil {
			return err
		}
		for _, size := range sizes {
			var width, height int
			if _, err := fmt.Sscanf(size, "%dx%d", &width, &height); err != nil {
				return fmt.Errorf("-sizes %s: want WIDTHxHEIGHT", size)
			}
			for _, night := range map[string][]bool{"no": {false}, "yes": {true}, "both": {false, true}}[dark] {
				if err := b.Size(width, height, night); err != nil {
					return err
				}
				if err := b.Open("file://" + path + "#" + hash); err != nil {
					return fmt.Errorf("%s: %w", page, err)
				}
				if err := b.Eval("(async () => {"+do+"; await new Promise((r) => setTimeout(r, 100)); })()", nil); err != nil {
					return err
				}
				name := strings.TrimSuffix(filepath.Base(page), ".html")
				if hash != "" {
					name += "-" + hash
				}
				name += "-" + size + map[bool]string{true: "-dark"}[night] + ".png"
				shot, err := b.Picture()
				if err != nil {
					return err
				}
				if shot, err = small(shot); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, name), shot, 0o644); err != nil {
					return err
				}
			}
		}
	}
	if len(b.Console) > 0 {
		return fmt.Errorf("the console says: %s", strings.Join(b.Console, "\n"))
	}
	return nil
}
