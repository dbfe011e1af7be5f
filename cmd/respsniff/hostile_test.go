package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/testcap"
)

// TestMutatedCaptures breaks real captures at random and analyses them in every format: no crash, no hang, nothing that
// acts on a terminal. RESPSNIFF_MUTATIONS sets how many are tried; a mutant is named by its seed.
func TestMutatedCaptures(t *testing.T) {
	n := 150
	if v, err := strconv.Atoi(os.Getenv("RESPSNIFF_MUTATIONS")); err == nil {
		n = v
	}
	var originals [][]byte
	for _, name := range []string{"seed1_article.pcap", "04_resp3.pcap", "04_auth.pcap", "lab_j2.pcap", "07a_hiredis_err_cleared.pcap", "04_sentinel.pcap"} {
		b, err := os.ReadFile(testcap.Path(t, name))
		if err != nil {
			t.Fatal(err)
		}
		originals = append(originals, b)
	}
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 1))
		format := report.Formats[seed%uint64(len(report.Formats))]
		got := piped(t, mutate(r, originals[r.IntN(len(originals))]), string(format))
		if got.code == exitInternal || got.code == exitUsage {
			t.Fatalf("seed %d: exit code %d: %s", seed, got.code, got.errout)
		}
		for _, out := range []string{got.out, got.errout} {
			if i := strings.IndexFunc(out, acts); i >= 0 {
				t.Errorf("seed %d: %s: acting character %q", seed, format, out[max(0, i-20):min(len(out), i+10)])
			}
		}
	}
}

// piped analyses a capture on standard input. A run that hangs fails the test.
func piped(t *testing.T, capture []byte, format string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangs)
	defer cancel()
	var out, errout bytes.Buffer
	a := &app{stdin: bytes.NewReader(capture), stdout: &out, stderr: &errout, env: func(string) (string, bool) { return "", false }}
	code := a.run(ctx, []string{"analyze", "-", "-o", format})
	if ctx.Err() != nil {
		t.Fatalf("not done after %v", hangs)
	}
	return result{code, out.String(), errout.String()}
}

// acts reports whether a character would do something to a terminal.
func acts(c rune) bool {
	return c != '\n' && c != '\t' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c))
}

// mutate changes some bytes, lengths or records of a classic pcap, or cuts it.
func mutate(r *rand.Rand, original []byte) []byte {
	b := bytes.Clone(original)
	for range 1 + r.IntN(20) {
		i := r.IntN(len(b))
		switch r.IntN(8) {
		case 0, 1:
			b[i] = byte(r.Uint32())
		case 2:
			b[i] ^= 1 << r.IntN(8)
		case 3: // RESP's own characters, where they hurt
			b[i] = "*$+-:>|%~=_#(,!0123456789\r\n"[r.IntN(27)]
		case 4: // a length or a number
			if i+4 < len(b) {
				binary.LittleEndian.PutUint32(b[i:], [...]uint32{0, 1, 0xffff, 0x7fffffff, 0xffffffff}[r.IntN(5)])
			}
		case 5: // bytes that are gone or come twice
			j := min(i+r.IntN(200), len(b))
			if r.IntN(2) == 0 {
				b = append(b[:i], b[j:]...)
			} else {
				b = append(b[:j:j], b[i:]...)
			}
		case 6:
			copy(b[i:], []byte("$536870912\r\n"))
		case 7:
			if r.IntN(4) == 0 {
				b = b[:i+1]
			}
		}
		if len(b) == 0 {
			return b
		}
	}
	return b
}

// TestRandomBytesAccuseNobody puts noise on the port of Redis, both ways: no finding about the traffic is better than
// possible.
func TestRandomBytesAccuseNobody(t *testing.T) {
	noises := map[string]func(r *rand.Rand, n int) []byte{
		"bytes": func(r *rand.Rand, n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return b
		},
		"RESP characters": func(r *rand.Rand, n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = "*$+-:>|%~=_#(,!0123456789\r\nGETSOK"[r.IntN(33)]
			}
			return b
		},
		"RESP words": func(r *rand.Rand, n int) []byte {
			words := []string{"*1\r\n", "*2\r\n", "$3\r\nGET\r\n", "$1\r\nk\r\n", "+OK\r\n", "-ERR no\r\n", "-MOVED 1 10.255.0.1:6379\r\n", "$-1\r\n", ":1\r\n", "*-1\r\n",
				"%1\r\n", ">2\r\n", "|1\r\n", "PING\r\n", "$4\r\nPING\r\n", "$4\r\nQUIT\r\n", "$5\r\nMULTI\r\n", "$9\r\nSUBSCRIBE\r\n", "+PONG\r\n", "+QUEUED\r\n", "_\r\n"}
			var b []byte
			for len(b) < n {
				b = append(b, words[r.IntN(len(words))]...)
			}
			return b
		},
	}
	for name, noise := range noises {
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 2))
			w := newWire()
			next := map[int]*[2]uint32{}
			for range 600 {
				c := r.IntN(8)
				at := next[c]
				if at == nil {
					at = &[2]uint32{1, 1}
					next[c] = at
					if seed%2 == 0 {
						w.open(c)
					}
				}
				fromClient := r.IntN(2) == 0
				side := 1
				if fromClient {
					side = 0
				}
				p := noise(r, 1+r.IntN(60))
				w.micros += uint64(r.IntN(400_000))
				w.send(c, fromClient, tcpPush, at[side], at[1-side], p)
				at[side] += uint32(len(p))
			}
			got := piped(t, w.Bytes(), "json")
			var doc struct {
				Findings []struct{ Rule, Confidence, Title string }
			}
			if err := json.Unmarshal([]byte(got.out), &doc); err != nil {
				t.Fatalf("%s, seed %d: %v: %s", name, seed, err, got.errout)
			}
			if got.code == exitInternal {
				t.Errorf("%s, seed %d: %s", name, seed, got.errout)
			}
			for _, f := range doc.Findings {
				// Words of the protocol may say what findings are made of: a redirect, a reply to nobody.
				if name != "RESP words" && !strings.HasPrefix(f.Rule, "RS9") && f.Confidence != "possible" {
					t.Errorf("%s, seed %d: %s is %s: %s", name, seed, f.Rule, f.Confidence, f.Title)
				}
			}
		}
	}
}

// TestSecretsStayOutOfEveryOutput marks every kind of secret, also torn over segments and holes, and looks for it in all
// that analyze, pairs, dump and cut print.
func TestSecretsStayOutOfEveryOutput(t *testing.T) {
	const mark = "SEKRITT"
	path := generated(t, strings.ReplaceAll(`
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
c1 split=9,25,30 > AUTH MARK => +OK
c1 > inline AUTH MARK => +OK
c1 > HELLO 3 AUTH user MARK SETNAME app => %{ $server $redis }
c1 > CONFIG SET requirepass MARK => +OK
c1 > CONFIG SET masterauth MARK maxmemory 1 => +OK
c1 > CONFIG GET "*pass*" => [ $requirepass $MARK ]
c1 > ACL SETUSER bob on ">MARK" => +OK
c1 > ACL LIST => [ $"user bob on #MARK" ]
c1 > MIGRATE h 6379 k 0 100 AUTH MARK => +OK
c1 > MIGRATE h 6379 k 0 100 AUTH2 u MARK => +OK
c1 > SENTINEL SET m auth-pass MARK => +OK
c1 > GET k => -WRONGPASS
+10ms c1 > AUTH MARK
+400ms c1 > GET k2
+5ms c1 < +OK | $v
`, "MARK", mark))
	runs := [][]string{
		{"dump", "--stage", "segments", path}, {"dump", "--stage", "values", "-v", path}, {"dump", "--stage", "exchanges", path},
		{"stats", "-v", path}, {"conns", "-v", path}, {"pairs", "-v", "--show-values", "-o", "ndjson", path},
	}
	for _, f := range report.Formats {
		runs = append(runs, []string{"analyze", "-v", "--show-values", "--policy", "lockstep", "-o", string(f), path})
	}
	for _, args := range runs {
		r := runApp(t, nil, "", args...)
		if r.code == exitInternal || r.code == exitUsage {
			t.Errorf("%v: exit code %d: %s", args, r.code, r.errout)
		}
		for _, out := range []string{r.out, r.errout} {
			if i := strings.Index(out, mark); i >= 0 {
				t.Errorf("%v: leaked %q", args[:len(args)-1], out[max(0, i-60):i+len(mark)])
			}
		}
	}
	out := temp(t, "cut.pcapng", "")
	if r := runApp(t, nil, "", "cut", path, "--conn", "1", "--force", "-o", out); r.code != exitClean {
		t.Fatalf("cut: exit code %d: %s", r.code, r.errout)
	}
	b, err := os.ReadFile(out)
	if err != nil || len(b) == 0 {
		t.Fatal(err)
	}
	if i := bytes.Index(b, []byte(mark)); i >= 0 {
		t.Errorf("cut: leaked %s", fmt.Sprintf("%q", b[max(0, i-60):i+len(mark)]))
	}
}

// TestErrorsRepeatNoSecrets looks at errors in which a server repeats what it was sent, and at the length of others.
func TestErrorsRepeatNoSecrets(t *testing.T) {
	const whole = "WRONGTYPE Operation against a key holding the wrong kind of value"
	path := generated(t, `
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
c1 > HELLO 3 AUTH default SEKRIT => -ERR "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' 'SEKRIT' "
c1 > AUTH SEKRIT => -ERR "unknown command 'AUTH', with args beginning with: 'SEKRIT' "
c1 > ACL SETUSER bob <SEKRIT => -ERR "Error in ACL SETUSER modifier '<SEKRIT': The password you are trying to remove from the user does not exist"
c1 > CONFIG SET requirepass SEKRIT => -ERR "Invalid argument 'SEKRIT' for CONFIG SET 'requirepass'"
c1 > LPUSH k v => -WRONGTYPE Operation against a key holding the wrong kind of value
`)
	r := runApp(t, nil, "", "pairs", "-o", "csv", "--show-values", path)
	if strings.Contains(r.out, "SEKRIT") || !strings.Contains(r.out, whole+",") {
		t.Errorf("pairs:\n%s", r.out)
	}
	if r := runApp(t, nil, "", "dump", path); strings.Contains(r.out, "SEKRIT") {
		t.Errorf("dump:\n%s", r.out)
	}
	cut := filepath.Join(t.TempDir(), "cut.pcapng")
	if r := runApp(t, nil, "", "cut", path, "--conn", "1", "-o", cut); r.code != exitClean {
		t.Fatal(r.errout)
	}
	if b, err := os.ReadFile(cut); err != nil || bytes.Contains(b, []byte("SEKRIT")) || !bytes.Contains(b, []byte(whole)) {
		t.Errorf("cut: %v: %q", err, b)
	}
}

// TestMisreadSecrets lets callers read the answers to others' commands that carry secrets: the evidence must not show them.
func TestMisreadSecrets(t *testing.T) {
	path := generated(t, `
policy lockstep
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
repeat 3 every 10ms { c1 > GET warm{i} => $v }
c1 > ACL GENPASS
+300ms c1 > CONFIG SET requirepass SEKRIT
+100ms c1 < $SEKRIT | -ERR "Invalid argument 'SEKRIT' for CONFIG SET 'requirepass'"
repeat 3 every 10ms { c1 > GET z{i} => $w }
`)
	for _, format := range []string{"text", "json", "html", "markdown"} {
		r := runApp(t, nil, "", "analyze", "-v", "--policy", "lockstep", "--show-values", "-o", format, path)
		if r.code != exitFindings || !strings.Contains(r.out, "RS101") || !strings.Contains(r.out, "Invalid argument") {
			t.Errorf("%s: exit code %d\n%s%s", format, r.code, r.out, r.errout)
		}
		if i := strings.Index(r.out, "SEKRIT"); i >= 0 {
			t.Errorf("%s shows %q", format, r.out[max(0, i-100):i+6])
		}
	}
}
