package detectors

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/respsniff/respsniff/analysis/client"
)

// knownFault is a range of versions of a library in which a path is known to keep a connection with an unread reply.
type knownFault struct {
	library     string
	from, until string // from this version on, fixed in that one
	what        string
}

// knownFaults are those with a public report.
var knownFaults = []knownFault{
	{"jedis", "0", "2.7.3", "its cluster retry path released broken connections"},
	{"redis-py", "4.4.0", "4.4.4", "its asyncio side kept the connection of a cancelled call (CVE-2023-28859)"},
	{"redis-py", "4.5.0", "4.5.4", "its asyncio side kept the connection of a cancelled call (CVE-2023-28859)"},
	{"redis-rs", "0", "0.27.0", "its synchronous connection was kept after a timeout (redis-rs#1252)"},
	{"go-redis", "9.5.1", "9.5.5", "it ignored errors of its CLIENT SETINFO batch (CVE-2025-29923)"},
	{"go-redis", "9.6.0", "9.6.3", "it ignored errors of its CLIENT SETINFO batch (CVE-2025-29923)"},
	{"go-redis", "9.7.0", "9.7.3", "it ignored errors of its CLIENT SETINFO batch (CVE-2025-29923)"},
}

// versionFacts says what is publicly known of the version that the client gave, if it gave one.
func versionFacts(lib client.Library) []string {
	if lib.Name == "" || lib.Version == "" || lib.Guessed {
		return nil
	}
	for _, k := range knownFaults {
		if k.library == lib.Name && compareVersions(lib.Version, k.from) >= 0 && compareVersions(lib.Version, k.until) < 0 {
			return []string{fmt.Sprintf("the client calls itself %s %s, in which %s; fixed in %s", lib.Name, lib.Version, k.what, k.until)}
		}
	}
	return []string{fmt.Sprintf("the client calls itself %s %s, of which no such fault is known: look at the code around it", lib.Name, lib.Version)}
}

// compareVersions compares dotted numbers; what is no number counts as 0.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		if c := cmp.Compare(versionPart(x, i), versionPart(y, i)); c != 0 {
			return c
		}
	}
	return 0
}

func versionPart(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	digits := strings.IndexFunc(parts[i], func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(parts[i])
	}
	n, _ := strconv.Atoi(parts[i][:digits])
	return n
}
