package detectors_test

import (
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

const twoConns = `
host app   10.0.0.1
host redis 10.0.0.2
conn a app:42000 -> redis:6379
conn b app:42001 -> 10.0.0.3:6379
`

// TestFailoverWindows: how many refusals make a failover, how close together, of which kinds, and how sure that is.
func TestFailoverWindows(t *testing.T) {
	const readonly, loading, unblocked = "-READONLY You can't write against a read only replica.", "-LOADING Redis is loading the dataset in memory", "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
	for name, c := range map[string]struct {
		script     string
		times      int // 0: silent
		confidence pairing.Confidence
		kept       string
	}{
		"too far apart":   {"repeat 6 every 6s { a > SET k v => " + readonly + " }", 0, 0, ""},
		"two windows":     {"repeat 4 every 1s { a > SET k v => " + readonly + " }\n60.0 repeat 3 every 1s { a > SET k v => " + readonly + " }", 7, pairing.Likely, "4 commands of connection 1 were refused in 3.000000 s"},
		"one write":       {"a > SET k v | SET l v | SET m v | SET n v\nrepeat 4 every 1ms { a < " + readonly + " }", 0, 0, ""},
		"of one kind":     {"repeat 4 every 1s { a > GET k => " + loading + " }", 4, pairing.Likely, ""},
		"of two kinds":    {"repeat 2 every 1s { a > GET k => " + loading + " }\nrepeat 2 every 1s { a > SET k v => " + readonly + " }", 4, pairing.Proven, ""},
		"of two nodes":    {"repeat 2 every 1s { a > GET k => " + loading + " }\nrepeat 2 every 1s { b > GET k => " + loading + " }", 4, pairing.Proven, ""},
		"of blocked ones": {"repeat 3 every 1s { a > BLPOP q 1 => " + unblocked + " }", 3, pairing.Likely, ""},
		"pipelines":       {"repeat 3 every 1s {\na > SET k v | SET l v\na < " + readonly + " | " + readonly + "\n}", 6, pairing.Likely, "3 commands of connection 1"},
	} {
		r := inspect(t, written(t, twoConns+"1.0 "+c.script), analysis.Options{})
		f := faults(r)["RS307"]
		if f.Count != c.times || c.times > 0 && f.Confidence != c.confidence {
			t.Errorf("%s: %d times, %s, want %d, %s", name, f.Count, f.Confidence, c.times, c.confidence)
		}
		if strings.Contains(f.Remedy, "Close pooled connections") != (c.kept != "") || !strings.Contains(f.Remedy, c.kept) {
			t.Errorf("%s: %q, want %q", name, f.Remedy, c.kept)
		}
	}
}

// TestTrackingNotices: a client that acts upon the first notice is told of it; one that goes on has stale values.
func TestTrackingNotices(t *testing.T) {
	const notice = "b < >[ +tracking-redir-broken :7 ]"
	for name, c := range map[string]struct {
		script   string
		times    int
		severity incident.Severity
		says     string
	}{
		"one, and it goes away":   {notice + "\n+1ms b > FIN", 1, incident.Info, ""},
		"goes on":                 {notice + "\nrepeat 3 every 1ms { b > GET k => $v }\n" + notice, 2, incident.Medium, "this is notice 2"},
		"counts what was between": {notice + "\nrepeat 3 every 1ms { b > GET k => $v }\n" + notice, 2, incident.Medium, "the client went on with 3 commands"},
		"a reply of such a text":  {"b > LRANGE l 0 -1 => [ $tracking-redir-broken :7 ]", 0, 0, ""},
	} {
		r := inspect(t, written(t, twoConns+"1.0 b > HELLO 3 => %{ $server $redis $proto :3 }\nrepeat 5 every 1ms { b > GET k => $v }\n"+c.script), analysis.Options{})
		f := faults(r)["RS213"]
		if f.Count != c.times || c.times > 0 && (f.Severity != c.severity || !strings.Contains(says(f), c.says)) {
			t.Errorf("%s: %d times, %s, want %d, %s, that says %q\n%s", name, f.Count, f.Severity, c.times, c.severity, c.says, says(f))
		}
	}
}
