package buildinfo

import (
	"runtime/debug"
	"strings"
	"testing"
)

// TestVersion: a tag before the commit, the commit in any case.
func TestVersion(t *testing.T) {
	of := func(version string, settings ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return info
	}
	commit := []string{"vcs.revision", "0123456789abcdef", "vcs.time", "2026-01-02T03:04:05Z"}
	for _, c := range []struct {
		info          *debug.BuildInfo
		version, line string
	}{
		{of(""), "devel", "respsniff devel go"},
		{of("(devel)", commit...), "devel-0123456789ab", "respsniff devel-0123456789ab (commit 0123456789ab of 2026-01-02T03:04:05Z) go"},
		{of("(devel)", append(commit, "vcs.modified", "true")...), "devel-0123456789ab-dirty", "respsniff devel-0123456789ab-dirty (commit"},
		{of("v1.2.3", commit...), "v1.2.3", "respsniff v1.2.3 (commit 0123456789ab of 2026-01-02T03:04:05Z) go"},
	} {
		if got := versionOf(c.info); got != c.version {
			t.Errorf("version %q, want %q", got, c.version)
		}
		if got := lineOf(c.info); !strings.HasPrefix(got, c.line) {
			t.Errorf("%q does not begin with %q", got, c.line)
		}
	}
	if got := lineOf(of("v1.2.3", "-tags", "libpcap")); !strings.HasSuffix(got, " libpcap") {
		t.Errorf("%q does not tell of libpcap", got)
	}
}
