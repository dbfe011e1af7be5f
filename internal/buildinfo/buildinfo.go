// Package buildinfo reads what the build recorded of this program.
package buildinfo

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is a module version, or the commit of a build from a checkout.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	version := "devel"
	if commit := setting(info, "vcs.revision"); len(commit) >= commitShown {
		version += "-" + commit[:commitShown]
	}
	if setting(info, "vcs.modified") == "true" {
		version += "-dirty"
	}
	return version
}

const commitShown = 12 // digits

// Line is the version with the commit, the Go release and the system.
func Line() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return lineOf(info)
}

func lineOf(info *debug.BuildInfo) string {
	commit := ""
	if c := setting(info, "vcs.revision"); len(c) >= commitShown {
		commit = fmt.Sprintf(" (commit %s of %s)", c[:commitShown], setting(info, "vcs.time"))
	}
	libpcap := ""
	if setting(info, "-tags") != "" {
		libpcap = " " + setting(info, "-tags")
	}
	return fmt.Sprintf("respsniff %s%s %s %s/%s%s", versionOf(info), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, libpcap)
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
