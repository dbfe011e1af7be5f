package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/testcap"
)

// party is a client of a conversation that times out, and reads the late reply as the answer to its next command.
type party struct {
	addr  string
	setUp string // commands before
	late  string // and behind
}

// talk writes the conversation of callers with a server.
func talk(t *testing.T, server string, callers ...party) string {
	t.Helper()
	var b strings.Builder
	for i, c := range callers {
		fmt.Fprintf(&b, "conn c%d %s -> %s\n", i, c.addr, server)
	}
	for i, c := range callers {
		at := float64(i)
		if c.setUp != "" {
			fmt.Fprintf(&b, "%.3f c%d > %s => +OK\n", at, i, c.setUp)
		}
		fmt.Fprintf(&b, "%.3f c%d > GET k1\n", at+0.1, i)
		fmt.Fprintf(&b, "%.3f c%d > GET k2\n", at+0.301, i)
		fmt.Fprintf(&b, "%.3f c%d < $v1\n", at+0.320, i)
		fmt.Fprintf(&b, "+0.3ms c%d > GET k3\n", i)
		fmt.Fprintf(&b, "+1ms c%d < $v2\n", i)
		if c.late != "" {
			fmt.Fprintf(&b, "%.3f c%d > %s\n+1ms c%d < $v3\n+1ms c%d < +OK\n", at+0.5, i, c.late, i, i)
		}
	}
	return madeFrom(t, b.String())
}

// madeFrom makes a capture of a conversation.
func madeFrom(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "talk.pcap")
	if r := runApp(t, nil, "", "generate", temp(t, "talk.txt", text), "-o", path); r.code != exitClean {
		t.Fatalf("generate: %d\n%s\n%s", r.code, text, r.errout)
	}
	return path
}

// prints returns the fingerprints of RS101, in order, and the names of its clients.
func prints(t *testing.T, path string, args ...string) (fingerprints, clients []string) {
	t.Helper()
	r := runApp(t, nil, "", append([]string{"analyze", "--port", "6379", "--policy", "lockstep", "--read-timeout", "200ms", "--fail-on", "none", "-o", "json", path}, args...)...)
	var doc struct {
		Findings []struct{ Rule, Fingerprint, Client_name string }
	}
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
		t.Fatalf("%v\n%s", err, r.errout)
	}
	for _, f := range doc.Findings {
		if f.Rule == "RS101" {
			fingerprints, clients = append(fingerprints, f.Fingerprint), append(clients, f.Client_name)
		}
	}
	if slices.Sort(fingerprints); len(fingerprints) == 0 {
		t.Fatalf("RS101 was not found:\n%s", r.out)
	}
	return fingerprints, clients
}

// TestRolesKeepFingerprints records one fault twice.
func TestRolesKeepFingerprints(t *testing.T) {
	const server, other = "10.0.0.9:6379", "10.0.0.8:6379"
	for name, c := range map[string]struct {
		before, after []party
		moved         string // the server of the second recording
		names         [2]string
		same          bool
	}{
		"the same address":             {before: []party{{addr: "10.0.0.1:40001"}}, after: []party{{addr: "10.0.0.1:50001"}}, same: true},
		"another address":              {before: []party{{addr: "10.0.0.1:40001"}}, after: []party{{addr: "10.0.0.2:40001"}}},
		"a name of the client":         {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME app"}}, after: []party{{addr: "10.0.0.2:40001", setUp: "CLIENT SETNAME app"}}, same: true},
		"another name":                 {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME app"}}, after: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME web"}}},
		"another process":              {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME app-4711"}}, after: []party{{addr: "10.0.0.2:40001", setUp: "CLIENT SETNAME app-12"}}, same: true},
		"another pod":                  {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME app-6d4cf56db6-xkzwp"}}, after: []party{{addr: "10.0.0.2:40001", setUp: "CLIENT SETNAME app-7b9f8c6d5-q2x9z"}}, same: true},
		"the name in HELLO":            {before: []party{{addr: "10.0.0.1:40001", setUp: "HELLO 2 AUTH u SETNAME SETNAME app"}}, after: []party{{addr: "10.0.0.2:40001", setUp: "HELLO 2 SETNAME app"}}, same: true},
		"a name that comes late":       {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME app"}}, after: []party{{addr: "10.0.0.2:40001", late: "CLIENT SETNAME app"}}, same: true},
		"a name of one connection":     {before: []party{{addr: "10.0.0.1:40001"}, {addr: "10.0.0.1:40002", setUp: "CLIENT SETNAME app"}}, after: []party{{addr: "10.0.0.2:40001", setUp: "CLIENT SETNAME app"}, {addr: "10.0.0.2:40002"}}, same: true},
		"several names of one address": {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME app"}, {addr: "10.0.0.1:40002", setUp: "CLIENT SETNAME web"}}, after: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME web"}, {addr: "10.0.0.1:40002", setUp: "CLIENT SETNAME app"}}, same: true},
		"two clients of one name":      {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME app"}, {addr: "10.0.0.2:40001", setUp: "CLIENT SETNAME app"}}, after: []party{{addr: "10.0.0.4:40001", setUp: "CLIENT SETNAME app"}, {addr: "10.0.0.3:40001", setUp: "CLIENT SETNAME app"}}, same: true},
		"a library":                    {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETINFO LIB-NAME jedis"}}, after: []party{{addr: "10.0.0.2:40001", setUp: "CLIENT SETINFO lib-name jedis(x)"}}, same: true},
		"a library of two clients":     {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETINFO LIB-NAME jedis"}, {addr: "10.0.0.2:40001", setUp: "CLIENT SETINFO LIB-NAME jedis"}}, after: []party{{addr: "10.0.0.3:40001", setUp: "CLIENT SETINFO LIB-NAME jedis"}, {addr: "10.0.0.4:40001", setUp: "CLIENT SETINFO LIB-NAME jedis"}}},
		"a number is no name":          {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME 4711"}}, after: []party{{addr: "10.0.0.2:40001", setUp: "CLIENT SETNAME 4712"}}},
		"--names for both ends":        {before: []party{{addr: "10.0.0.1:40001"}}, after: []party{{addr: "10.0.0.2:40001"}}, moved: other, names: [2]string{"10.0.0.1 app\n10.0.0.9:6379 redis", "10.0.0.2 app\n10.0.0.8:6379 redis"}, same: true},
		"--names of a host":            {before: []party{{addr: "10.0.0.1:40001"}}, after: []party{{addr: "10.0.0.1:40001"}}, moved: other, names: [2]string{"10.0.0.9 redis", "10.0.0.8 redis"}, same: true},
		"another port of a named host": {before: []party{{addr: "10.0.0.1:40001"}}, after: []party{{addr: "10.0.0.1:40001"}}, moved: "10.0.0.9:6380", names: [2]string{"10.0.0.9 redis", "10.0.0.9 redis"}},
		"--names before SETNAME":       {before: []party{{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME x"}}, after: []party{{addr: "10.0.0.2:40001", setUp: "CLIENT SETNAME y"}}, names: [2]string{"10.0.0.0/24 app", "10.0.0.0/24 app"}, same: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := func(server, file string, callers []party) []string {
				var args []string
				if file != "" {
					args = []string{"--names", temp(t, "names.txt", file)}
				}
				all, _ := prints(t, talk(t, server, callers...), append(args, "--port", "6380")...)
				for i := range all {
					if i > 0 && all[i] == all[i-1] {
						t.Errorf("two findings have the fingerprint %s", all[i])
					}
				}
				return all
			}
			moved := c.moved
			if moved == "" {
				moved = server
			}
			before, after := of(server, c.names[0], c.before), of(moved, c.names[1], c.after)
			if slices.Equal(before, after) != c.same {
				t.Errorf("%q and %q, want the same: %v", before, after, c.same)
			}
		})
	}
}

// TestBaselineOnOtherAddresses: two recordings of one test in containers that got each other's address.
func TestBaselineOnOtherAddresses(t *testing.T) {
	a, b := testcap.Path(t, "live/baseline-ip-a.pcap.gz"), testcap.Path(t, "live/baseline-ip-b.pcap.gz")
	first := temp(t, "a.txt", "172.18.0.3 app\n172.18.0.2:6414 redis\n")
	second := temp(t, "b.txt", "172.18.0.2 app\n172.18.0.3:6414 redis\n")
	known := filepath.Join(t.TempDir(), "known.yaml")
	if r := runApp(t, nil, "", "analyze", "--fail-on", "none", "--names", first, "--write-baseline", known, a); r.code != exitClean {
		t.Fatal(r.errout)
	}
	if r := runApp(t, nil, "", "analyze", "--fail-on", "low", "--names", second, "--baseline", known, b); r.code != exitClean || strings.Contains(r.errout, "baseline:") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errout)
	}
	if r := runApp(t, nil, "", "analyze", "--baseline", known, b); r.code != exitFindings || !strings.Contains(r.errout, "give the --names that call app and redis so") {
		t.Errorf("without names: exit code %d\n%s", r.code, r.errout)
	}
	// A baseline from before there were names.
	if r := runApp(t, nil, "", "analyze", "--fail-on", "none", "--write-baseline", known, "--force", a); r.code != exitClean {
		t.Fatal(r.errout)
	}
	if r := runApp(t, nil, "", "analyze", "--names", first, "--baseline", known, a); r.code != exitClean || !strings.Contains(r.errout, "is from before client or server had a name") {
		t.Errorf("with a baseline from before: exit code %d\n%s", r.code, r.errout)
	}
}

// TestBaselineOfARole accepts what a role does, of however many clients.
func TestBaselineOfARole(t *testing.T) {
	one := talk(t, "10.0.0.9:6379", party{addr: "10.0.0.1:40001", setUp: "CLIENT SETNAME app-1"})
	three := talk(t, "10.0.0.9:6379", party{addr: "10.0.0.5:40001", setUp: "CLIENT SETNAME app-1"},
		party{addr: "10.0.0.6:40001", setUp: "CLIENT SETNAME app-2"}, party{addr: "10.0.0.7:40001", setUp: "CLIENT SETNAME web"})
	known := filepath.Join(t.TempDir(), "known.yaml")
	if r := runApp(t, nil, "", "analyze", "--policy", "lockstep", "--fail-on", "none", "--write-baseline", known, one); r.code != exitClean {
		t.Fatal(r.errout)
	}
	r := runApp(t, nil, "", "analyze", "--policy", "lockstep", "--baseline", known, "-o", "ndjson", three)
	if n := strings.Count(r.out, `"type":"finding","rule":"RS101"`); r.code != exitFindings || n != 1 || !strings.Contains(r.out, `"client_name":"web"`) {
		t.Errorf("exit code %d, %d findings of RS101, want that of web alone\n%s", r.code, n, r.errout)
	}
}
