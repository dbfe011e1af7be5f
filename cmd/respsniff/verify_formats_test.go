package main

import (
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/formats"
)

// verifiedFolder is the working directory of a gate over four captures: as expected, with a desync that is expected, with one
// that is not, and without an expectation.
func verifiedFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, scenario := range map[string]string{"a_good": healthy, "b_known": desync, "c_bad": desync, "d_none": healthy} {
		if r := runApp(t, nil, scenario, "generate", "-", "-o", name+".pcap"); r.code != exitClean {
			t.Fatal(r.errout)
		}
	}
	if r := runApp(t, nil, "", "verify", "--write", "a_good.pcap", "b_known.pcap"); r.code != exitClean {
		t.Fatal(r.errout)
	}
	if err := writeFile("c_bad.expect.yaml", "want:\n  - rule: RS302\n"); err != nil {
		t.Fatal(err)
	}
}

var verifiedCaptures = []string{"a_good.pcap", "b_known.pcap", "c_bad.pcap", "d_none.pcap"}

// TestVerifyFormats holds each format, written in one run, against its golden.
func TestVerifyFormats(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	verifiedFolder(t)
	args := append([]string{"verify", "--tz", "UTC"}, verifiedCaptures...)
	for _, f := range formats.Verified {
		args = append(args, "-o", string(f)+"=out."+string(f))
	}
	if r := runApp(t, nil, "", args...); r.code != exitFindings || r.out != "" || !strings.Contains(r.errout, "d_none.expect.yaml") {
		t.Errorf("exit code %d:\n%s%s", r.code, r.out, r.errout)
	}
	for _, f := range formats.Verified {
		got, err := os.ReadFile("out." + string(f))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, "verify."+string(f))
		if updating() {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := firstDifference(string(want), string(got)); diff != "" {
			t.Errorf("%s: %s\nto accept: go test ./cmd/respsniff -run TestVerifyFormats -update", f, diff)
		}
	}
}

// TestVerifyFormatsSayTheSame reads what machines read: an entry for each capture, and only what was not expected fails.
func TestVerifyFormatsSayTheSame(t *testing.T) {
	verifiedFolder(t)
	run := func(format string) []byte {
		r := runApp(t, nil, "", append([]string{"verify", "-o", format}, verifiedCaptures...)...)
		if r.code != exitFindings {
			t.Fatalf("%s: exit code %d: %s", format, r.code, r.errout)
		}
		return []byte(r.out)
	}
	var j struct {
		Captures []struct {
			Expectation struct {
				Capture    string
				OK         bool
				Missing    []string
				Unexpected []string
				Error      string
			}
			Incidents []struct{}
		}
	}
	if err := json.Unmarshal(run("json"), &j); err != nil || len(j.Captures) != 4 {
		t.Fatalf("%d captures: %v", len(j.Captures), err)
	}
	var x struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Failures int    `xml:"failures,attr"`
			Errors   int    `xml:"errors,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(run("junit"), &x); err != nil || len(x.Suites) != 4 {
		t.Fatalf("%d suites: %v", len(x.Suites), err)
	}
	var s struct {
		Runs []struct {
			Automation struct{ ID string } `json:"automationDetails"`
			Results    []struct{ RuleID, Level string }
		}
	}
	if err := json.Unmarshal(run("sarif"), &s); err != nil || len(s.Runs) != 4 {
		t.Fatalf("%d runs: %v", len(s.Runs), err)
	}
	github := string(run("github"))
	for i, want := range []struct {
		ok, fails, errs bool
		incidents       int
	}{{ok: true}, {ok: true, incidents: 1}, {fails: true, incidents: 1}, {errs: true}} {
		name := verifiedCaptures[i]
		e := j.Captures[i].Expectation
		if e.Capture != name || e.OK != want.ok || want.fails != (len(e.Missing) > 0 && len(e.Unexpected) > 0) || want.errs != (e.Error != "") || len(j.Captures[i].Incidents) < want.incidents {
			t.Errorf("%s: JSON: %+v, %d incidents", name, e, len(j.Captures[i].Incidents))
		}
		if u := x.Suites[i]; u.Name != name || want.fails != (u.Failures > 0) || want.errs != (u.Errors > 0) {
			t.Errorf("%s: JUnit: %+v", name, u)
		}
		errors := 0
		for _, r := range s.Runs[i].Results {
			if r.Level == "error" {
				errors++
			}
		}
		if s.Runs[i].Automation.ID != "respsniff/"+name+"/" || want.ok != (errors == 0) || len(s.Runs[i].Results) < want.incidents {
			t.Errorf("%s: SARIF: %+v", name, s.Runs[i])
		}
		if want.ok == strings.Contains(github, "::error file="+name) {
			t.Errorf("%s: GitHub:\n%s", name, github)
		}
	}
	if _, err := report.Read(strings.NewReader(string(run("json")))); err == nil {
		t.Error("a verification was read as if it were a run")
	}
}

// TestVerifyWriteTakesNoFormat: there is nothing to report.
func TestVerifyWriteTakesNoFormat(t *testing.T) {
	if r := runApp(t, nil, "", "verify", "--write", generated(t, healthy), "-o", "json"); r.code != exitUsage {
		t.Errorf("exit code %d", r.code)
	}
	if r := runApp(t, nil, "", "verify", generated(t, healthy), "-o", "html"); r.code != exitUsage {
		t.Errorf("html: exit code %d", r.code)
	}
}

// TestVerdictNamesWhatIsNotRead: a capture in which a link type, a tunnel or fragments hide all.
func TestVerdictNamesWhatIsNotRead(t *testing.T) {
	const records = 24 // the file header
	for says, change := range map[string]func(file []byte, each func(func(ip []byte))){
		"20 of 20 packets could not be decoded, link type 189 (USB)": func(file []byte, _ func(func([]byte))) { file[20] = 189 },
		"20 carry IP protocol 50 (ESP)":                              func(_ []byte, each func(func([]byte))) { each(func(ip []byte) { ip[9] = 50 }) },
		"20 carry UDP to port 51820 (WireGuard)": func(_ []byte, each func(func([]byte))) {
			each(func(ip []byte) { ip[9], ip[22], ip[23] = 17, 51820>>8, 51820&0xff })
		},
		"20 fragmented packets could not be put together": func(_ []byte, each func(func([]byte))) {
			id := byte(0)
			each(func(ip []byte) { id++; ip[5], ip[6] = id, 0x20 })
		},
	} {
		w := newWire()
		for range 20 {
			w.send(1, true, tcpPush, 1, 1, []byte("*1\r\n$4\r\nPING\r\n  "))
		}
		file := w.Bytes()
		change(file, func(edit func([]byte)) {
			for at := records; at < len(file); at += 16 + int(binary.LittleEndian.Uint32(file[at+8:])) {
				edit(file[at+16:])
			}
		})
		r := piped(t, file, "text")
		if r.code != exitIncomplete || !strings.HasPrefix(r.out, "NO REDIS: ") || !strings.Contains(strings.Join(strings.Fields(r.out), " "), says) {
			t.Errorf("exit code %d, want %q:\n%.600s", r.code, says, r.out)
		}
	}
}
