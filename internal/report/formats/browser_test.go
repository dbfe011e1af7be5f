package formats

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/internal/report"
)

// browser returns a Chromium, or skips.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium here")
	return ""
}

// TestBrowser opens the page in a real browser, wide and narrow, with hostile texts in it.
func TestBrowser(t *testing.T) {
	chromium := browser(t)
	dir := t.TempDir()
	for name, d := range map[string]*report.Document{"sample": sample(t), "hostile": hostileDocument(t, `</script><img src=x onerror=alert(1)>`)} {
		d.Series = sampleSeries()
		var b bytes.Buffer
		if err := writeHTML(&b, d, report.Options{}); err != nil {
			t.Fatal(err)
		}
		page := filepath.Join(dir, name+".html")
		if err := os.WriteFile(page, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, size := range []string{"360,800", "1200,900"} {
			picture := filepath.Join(dir, name+size+".png")
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
			cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
				"--user-data-dir="+filepath.Join(dir, "profile"), "--window-size="+size, "--screenshot="+picture, "file://"+page)
			out, err := cmd.CombinedOutput()
			cancel()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "CONSOLE") {
				t.Errorf("%s: the console says:\n%s", name, out)
			}
			f, err := os.Open(picture)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := png.DecodeConfig(f); err != nil {
				t.Error(err)
			}
			f.Close()
		}
	}
}
