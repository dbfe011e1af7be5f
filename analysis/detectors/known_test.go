package detectors

import (
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/client"
)

func TestVersionFacts(t *testing.T) {
	for _, c := range []struct {
		name, version, want string
	}{
		{"redis-py", "4.5.1", "fixed in 4.5.4"},
		{"redis-py", "4.4.4", "no such fault"},
		{"redis-py", "4.5.4", "no such fault"},
		{"jedis", "2.6.2", "fixed in 2.7.3"},
		{"jedis", "5.1.0", "no such fault"},
		{"redis-rs", "0.26.1", "fixed in 0.27.0"},
		{"go-redis", "9.7.1", "fixed in 9.7.3"},
		{"go-redis", "9.10.0", "no such fault"},
		{"redis-py", "", ""},
	} {
		got := strings.Join(versionFacts(client.Library{Name: c.name, Version: c.version}), "")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %q, want %q", c.name, c.version, got, c.want)
		}
	}
}
