package detectors_test

import (
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// lostHead is a connection on which ten keys are written and read.
const lostHead = `
host app   10.0.0.1
host redis 10.0.0.2
conn c app:40001 -> redis:6379 rtt=200us
repeat 10 every 5ms { c > SET k{i} value-{i} => +OK }
repeat 3 as r every 100ms {
repeat 10 as i every 5ms { c > GET k{i} => $value-{i} }
}
`

// tenAtOnce is a write of GET k0 to k9.
const tenAtOnce = "c > GET k0 | GET k1 | GET k2 | GET k3 | GET k4 | GET k5 | GET k6 | GET k7 | GET k8 | GET k9\n"

// values are the replies to it from the key from on, without those that are left out.
func values(prefix string, from int, without ...int) string {
	var all []string
next:
	for i := from; i < 10; i++ {
		for _, w := range without {
			if i == w {
				continue next
			}
		}
		all = append(all, "$"+prefix+string(rune('0'+i)))
	}
	return strings.Join(all, " | ")
}

// TestALostReplyByValue: no type contradicts, and the times say nothing or little: what the keys were known to hold tells which
// command got no reply.
func TestALostReplyByValue(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		says   string
		n      int
		least  pairing.Confidence
	}{
		"in the middle of a pipeline, and pipelines go on": {`
2.0   ` + tenAtOnce + `
+1ms  c < ` + values("value-", 0, 4) + `
repeat 3 every 2ms {
` + tenAtOnce + `
+1ms  c < ` + values("value-", 0) + `
}`, "GET k4 (command 45", 1, pairing.Strong},
		"in the middle of the last pipeline": {`
2.0   ` + tenAtOnce + `
+1ms  c < ` + values("value-", 0, 2) + `
+1s   c > FIN
c < FIN`, "GET k2 (command 43", 1, pairing.Strong},
		"among callers that share a connection": {`
2.0   c > GET k3
repeat 3 as r every 40ms {
repeat 9 as i every 4ms {
c > GET k{i}
+1ms c > GET k{i+1}
+1ms c < $value-{i}
+1ms c < $value-{i+1}
}
}`, "GET k3 (command 41", 1, pairing.Strong},
		"two in a row, by time alone": {`
2.0    c > GET n1
+300ms c > GET n2
repeat 12 { 
+300ms c > GET m{i}
+300us c < $w{i}
}`, "GET n1 (command 41", 2, pairing.Likely},
		"of a hash": {`
repeat 20 every 1ms { c > HSET h{i} f w{i} => :1 }
2.0    c > HGET h3 f
repeat 12 {
+2ms   c > HGET h{i} f
+1900us c < $w{i}
}`, "HGET h3 (command 61", 1, pairing.Strong},
		"counters": {`
repeat 8 as i every 3ms { c > INCRBY c{i} {1000+i} => :{1000+i} }
2.0    c > GET c7
repeat 8 {
+2ms   c > GET c{i}
+1900us c < ${1000+i}
}`, "GET c7 (command 49", 1, pairing.Strong},
	} {
		r := inspect(t, written(t, lostHead+c.script), analysis.Options{})
		fs := of(r, "RS108")
		if len(fs) != 1 || fs[0].Count != c.n || fs[0].Confidence < c.least || !strings.Contains(says(fs[0]), c.says) {
			t.Errorf("%s: %d findings, want RS108 %d times, at least %s, that says %q", name, len(fs), c.n, c.least, c.says)
			for _, f := range fs {
				t.Errorf("  %d times, %s\n%s", f.Count, f.Confidence, says(f))
			}
		}
		for _, rule := range []string{"RS101", "RS103"} {
			if got := of(r, rule); len(got) > 0 && got[0].Confidence > pairing.Possible {
				t.Errorf("%s: %s\n%s", name, rule, says(got[0]))
			}
		}
	}
}

// TestNoReplyLostByValue: nothing is lost where values only seem to be those of other keys.
func TestNoReplyLostByValue(t *testing.T) {
	for name, script := range map[string]string{
		"all keys hold the same": `
repeat 10 every 1ms { c > SET k{i} same => +OK }
2.0 repeat 10 every 5ms {
` + tenAtOnce + `
+1ms c < $same | $same | $same | $same | $same | $same | $same | $same | $same | $same
}`,
		"one that the capture does not show writes them": `
2.0 repeat 10 as r every 5ms {
` + tenAtOnce + `
+1ms c < $a{r} | $b{r} | $c{r} | $d{r} | $e{r} | $f{r} | $g{r} | $h{r} | $i{r} | $j{r}
}`,
		"a window that moves on": `
2.0 ` + tenAtOnce + `
+1ms c < ` + values("value-", 1) + ` | $value-10
repeat 5 every 5ms {
` + tenAtOnce + `
+1ms c < ` + values("value-", 1) + ` | $value-10
}`,
		"they expire together": `
2.0 repeat 5 every 5ms {
` + tenAtOnce + `
+1ms c < nil | nil | nil | nil | nil | nil | nil | nil | nil | nil
}`,
		"epochs that are written to one key after the other": `
2.0 repeat 20 as r every 5ms {
` + tenAtOnce + `
+1ms c < $e{r} | $e{r} | $e{r} | $e{r} | $e{r} | $e{r+1} | $e{r+1} | $e{r+1} | $e{r+1} | $e{r+1}
}`,
		"a transaction": `
2.0 c > MULTI | SET k0 value-1 | SET k1 value-2 | SET k2 value-3 | GET k0 | EXEC
+1ms c < +OK | +QUEUED | +QUEUED | +QUEUED | +QUEUED | [ +OK +OK +OK $value-1 ]
repeat 10 every 5ms {
c > GET k0 | GET k1 | GET k2
+1ms c < $value-1 | $value-2 | $value-3
}`,
		"another database": `
c > SELECT 3 => +OK
2.0 repeat 5 every 5ms {
` + tenAtOnce + `
+1ms c < ` + values("value-", 1) + ` | $value-0
}`,
		"a server that waits for an acknowledgement before it sends a small packet": `
2.0 c > GET n0
+100us c > GET n1
+200us c < $m0
repeat 30 {
+20ms c > GET n{i+2}
+200us c < $m{i+1}
}
+40ms c < $m31`,
		"all in flight all the time": `
2.0 c > GET k0 | GET k1 | GET k2
repeat 7 as r every 3ms {
c > GET k{r+3}
+1ms c < $value-{r}
}`,
	} {
		for _, head := range []string{lostHead, strings.Replace(lostHead, "rtt=200us", "rtt=200us midstream", 1)} {
			if got := of(inspect(t, written(t, head+script), analysis.Options{}), "RS108"); len(got) > 0 {
				t.Errorf("%s (midstream %v): %s", name, strings.Contains(head, "midstream"), says(got[0]))
			}
		}
	}
}
