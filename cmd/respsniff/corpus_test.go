package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/report"
)

// corpusRun is what these tests look at of a JSON report.
type corpusRun struct {
	Complete bool
	Verdict  struct{ Word string }
	Quality  report.Quality
	Summary  struct{ Connections, Commands, Replies int64 }
	Findings []struct{ Rule, Title string }
}

func analyzed1(t *testing.T, path string) (r result, run corpusRun) {
	t.Helper()
	r = runApp(t, nil, "", "analyze", "-o", "json", path)
	if err := json.Unmarshal([]byte(r.out), &run); err != nil {
		t.Fatalf("%s: %v: %s", path, err, r.errout)
	}
	return r, run
}

// accused lists the rules that found something, but for those on the capture itself.
func (c *corpusRun) accused() (rules []string) {
	for _, f := range c.Findings {
		if !strings.HasPrefix(f.Rule, "RS9") {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// TestHostileCaptures analyses captures that once were read wrongly: each has the right verdict, and accuses nobody.
func TestHostileCaptures(t *testing.T) {
	for _, c := range []struct {
		name, verdict string
		code          int
		commands      int64
		accused       string // that is right
		says          string // of the capture's quality
	}{
		{"cs-plain.pcap", "CLEAN", exitClean, 5, "", ""},
		{"cs-MULTI-CONFIG-GET-EXEC.pcap", "CLEAN", exitClean, 7, "", ""},
		{"cs-overlap-conflict.pcap", "CLEAN", exitClean, 4, "", "RS907"},
		{"cs-snaplen128-HELLO.pcap", "UNDECIDED", exitClean, 4, "", "RS902"},
		{"secret-after-hole.pcap", "UNDECIDED", exitClean, 17, "", "RS901"},
		{"panic-queue-pop.pcap", "CLEAN", exitClean, 6, "RS108", "RS907"},
		{"not-redis-http09.pcap", "NO REDIS", exitIncomplete, 0, "", "5 connections are no Redis traffic"},
		{"not-redis-memcached-text.pcap", "NO REDIS", exitIncomplete, 0, "", "1 connection is no Redis traffic"},
		{"mut-74121.pcap.gz", "NO REDIS", exitIncomplete, 0, "", "4 connections are no Redis traffic"},
		{"ipfrag-overlap.pcap.gz", "NO REDIS", exitIncomplete, 0, "", "2,128 fragmented packets could not be put together"},
		{"unanswered-15000.pcap.gz", "UNDECIDED", exitIncomplete, 15789, "", "RS904"},
	} {
		r, run := analyzed1(t, filepath.Join("testdata", "hostile", c.name))
		if r.code != c.code || run.Verdict.Word != c.verdict || run.Summary.Commands != c.commands || run.Quality.Failed > 0 {
			t.Errorf("%s: exit code %d, %q, %d commands, %d connections failed; want %d, %q, %d: %s",
				c.name, r.code, run.Verdict.Word, run.Summary.Commands, run.Quality.Failed, c.code, c.verdict, c.commands, r.errout)
		}
		if got := strings.Join(run.accused(), " "); got != c.accused {
			t.Errorf("%s: accused by %q, want %q", c.name, got, c.accused)
		}
		if !slices.ContainsFunc(run.Findings, func(f struct{ Rule, Title string }) bool { return strings.Contains(f.Rule+" "+f.Title, c.says) }) && c.says != "" {
			t.Errorf("%s: nothing says %q: %v", c.name, c.says, run.Findings)
		}
	}
}

// TestHostileCapturesKeepSecrets looks for the tokens of these captures in every output.
func TestHostileCapturesKeepSecrets(t *testing.T) {
	all, err := filepath.Glob("testdata/hostile/*.pcap")
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	tokens := []string{"Sup3r", "S3cret", "Pr0d", "Passw0rd", "hunter2", "s3cond", "th1rd", "Pa55"} // and what may be left of them
	cut := filepath.Join(t.TempDir(), "cut.pcapng")
	for _, path := range all {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		held := slices.ContainsFunc(tokens, func(s string) bool { return strings.Contains(string(raw), s) })
		if base := filepath.Base(path); held != (strings.HasPrefix(base, "cs-") || strings.HasPrefix(base, "secret")) {
			t.Errorf("%s: a secret is in it: %t", path, held)
		}
		runs := [][]string{
			{"dump", "--stage", "segments"}, {"dump", "--stage", "values"}, {"dump", "--stage", "exchanges"}, {"stats", "-v"}, {"conns", "-v"},
			{"pairs", "-v", "--show-values", "-o", "ndjson"}, {"cut", "--conn", "1", "--conn", "2", "--conn", "3", "--force", "-o", cut},
		}
		for _, f := range report.Formats {
			runs = append(runs, []string{"analyze", "-v", "--all", "--show-values", "-o", string(f)})
		}
		for _, args := range runs {
			r := runApp(t, nil, "", append(args, path)...)
			out := r.out + r.errout
			if args[0] == "cut" {
				b, err := os.ReadFile(cut)
				if err != nil {
					t.Fatalf("%s: %v: %s", path, err, r.errout)
				}
				out += string(b)
			}
			for _, token := range tokens {
				if i := strings.Index(out, token); i >= 0 {
					t.Errorf("%v of %s: %q", args, path, out[max(0, i-60):min(len(out), i+30)])
				}
			}
		}
	}
}

// TestLinksAndTunnels reads the same traffic in link types and tunnels of many kinds, and finds in each what the plain capture has.
func TestLinksAndTunnels(t *testing.T) {
	all, err := filepath.Glob("testdata/links/*.pcap.gz")
	if err != nil || len(all) < 12 {
		t.Fatalf("%v: %d captures", err, len(all))
	}
	_, want := analyzed1(t, "testdata/links/plain.pcap.gz")
	for _, path := range all {
		r, got := analyzed1(t, path)
		if got.Summary != want.Summary || got.Verdict != want.Verdict || r.code != exitClean || got.Quality.Undecodable+got.Quality.NotTCP > 0 || len(got.accused()) > 0 {
			t.Errorf("%s: exit code %d, %+v %+v, %v; the plain capture: %+v %+v", path, r.code, got.Summary, got.Verdict, got.accused(), want.Summary, want.Verdict)
		}
	}
}

// TestConflictingCopies sends bytes twice: with the same content nothing is said, with another one it is.
func TestConflictingCopies(t *testing.T) {
	for second, conflicts := range map[string]int64{"*1\r\n$4\r\nPING\r\n": 0, "*1\r\n$4\r\nQUIT\r\n": 1} {
		w := newWire()
		w.open(1)
		w.send(1, true, tcpPush, 1, 1, []byte("*1\r\n$4\r\nPING\r\n"))
		w.micros += 300_000
		w.send(1, true, tcpPush, 1, 1, []byte(second))
		w.send(1, false, tcpPush, 1, 15, []byte("+PONG\r\n"))
		r := piped(t, w.Bytes(), "json")
		var run corpusRun
		if err := json.Unmarshal([]byte(r.out), &run); err != nil {
			t.Fatal(err)
		}
		if run.Quality.Conflicts != conflicts || strings.Contains(r.out, "other bytes than the first copy") != (conflicts > 0) {
			t.Errorf("a copy %q: %d conflicts, want %d", second, run.Quality.Conflicts, conflicts)
		}
	}
}

// TestOutputsOntoInputs writes onto what is read, by any name of it: refused, and the file stays.
func TestOutputsOntoInputs(t *testing.T) {
	original, err := os.ReadFile("testdata/hostile/cs-plain.pcap")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in, other := filepath.Join(dir, "in.pcap"), filepath.Join(dir, "other.pcap")
	for _, path := range []string{in, other} {
		if err := os.WriteFile(path, original, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link, hard := filepath.Join(dir, "link.pcap"), filepath.Join(dir, "hard.pcap")
	if err := os.Symlink(in, link); err != nil {
		t.Skip(err)
	}
	if err := os.Link(in, hard); err != nil {
		t.Skip(err)
	}
	for _, out := range []string{in, link, hard, filepath.Join(dir, ".", "..", filepath.Base(dir), "in.pcap")} {
		for _, args := range [][]string{
			{"analyze", in, "-o", "json=" + out}, {"-r", in, "-o", "json=" + out}, {"analyze", in, "-o", "text", "-o", "csv=" + out}, {"analyze", dir, "-o", "json=" + out},
			{"pairs", in, "-o", "csv=" + out}, {"conns", in, "-o", "csv=" + out}, {"stats", in, "-o", "json=" + out}, {"diff", other, in, "-o", "json=" + out},
			{"verify", in, "-o", "json=" + out}, {"cut", in, "--conn", "1", "-o", out}, {"generate", in, "-o", out}, {"analyze", in, "--write-baseline", out},
		} {
			if r := runApp(t, nil, "", append(args, "--force")...); r.code != exitUsage || !strings.Contains(r.errout, "which is read") {
				t.Errorf("%v: exit code %d: %s", args, r.code, r.errout)
			}
			if got, err := os.ReadFile(in); err != nil || string(got) != string(original) {
				t.Fatalf("%v: the input was changed: %v", args, err)
			}
		}
	}
	if r := runApp(t, nil, "", "analyze", in, "-o", "json="+other, "--force"); r.code != exitClean {
		t.Errorf("onto another file: exit code %d: %s", r.code, r.errout)
	}
}

// TestFullDiskEverywhere has every command write to a disk without space.
func TestFullDiskEverywhere(t *testing.T) {
	const in = "testdata/hostile/cs-plain.pcap"
	script := temp(t, "one.txt", "conn c1 10.0.0.1:40001 -> 10.0.0.2:6379\nc1 > PING => +PONG\n")
	runs := [][]string{
		{"stats", in}, {"dump", in}, {"dump", "--stage", "packets", in}, {"dump", "--stage", "segments", in}, {"dump", "--stage", "values", in},
		{"cut", in, "--conn", "1", "-o", "-"}, {"diff", in, in}, {"explain"}, {"explain", "RS101"}, {"version"}, {"--version"}, {"--help"}, {"analyze", "--help"},
		{"help", "parameters"}, {"interfaces"}, {"completion", "bash"}, {"generate", script, "-o", "-"}, {"verify", in},
	}
	for _, f := range report.Formats {
		runs = append(runs, []string{"analyze", in, "-o", string(f)})
	}
	for _, f := range rowFormats {
		runs = append(runs, []string{"pairs", in, "-o", string(f)}, []string{"conns", in, "-o", string(f)})
	}
	for _, args := range runs {
		var errout strings.Builder
		if code := run(t.Context(), strings.NewReader(""), full{}, &errout, args); code != exitIncomplete || strings.Count(errout.String(), "no space left") != 1 {
			t.Errorf("%v: exit code %d: %s", args, code, errout.String())
		}
	}
}
