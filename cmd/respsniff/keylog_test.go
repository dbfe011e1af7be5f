package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/internal/testtls"
)

// overTLS is a capture of one connection that reads the key named secret, of TLS 1.3 or, with a suite, 1.2; its key log; and the
// capture with the key log in it, behind all packets.
func overTLS(t *testing.T, suite uint16) (bare, log, late string) {
	t.Helper()
	talk, err := testtls.Speak(suite, testtls.Exchange{Request: "*2\r\n$3\r\nGET\r\n$6\r\nsecret\r\n", Reply: "$1\r\nx\r\n"},
		testtls.Exchange{Request: "*1\r\n$4\r\nPING\r\n", Reply: "+PONG\r\n"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse("tls", []byte("conn c1 10.0.0.1:40001 -> 10.0.0.2:6379\n"+talk.Scenario("c1")+"c1 > FIN\nc1 < FIN\n"))
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for p, err := range s.Packets() {
		if err == nil {
			err = w.Write(p, "")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	bare = temp(t, "bare.pcapng", file.String())
	if err := w.Secrets([]byte(talk.KeyLog)); err != nil {
		t.Fatal(err)
	}
	return bare, temp(t, "keys", talk.KeyLog), temp(t, "late.pcapng", file.String())
}

func TestKeysComeFromAnywhere(t *testing.T) {
	for _, suite := range []uint16{0, 0xc02b, 0xcca9} {
		bare, log, late := overTLS(t, suite)
		none := filepath.Join(t.TempDir(), "none")
		for _, c := range []struct {
			name string
			env  map[string]string
			args []string
			read bool
			says string
		}{
			{"no key", nil, []string{bare}, false, ""},
			{"--keylog", nil, []string{"--keylog", log, bare}, true, ""},
			{"two of them", nil, []string{"--keylog", bare, "--keylog", log, bare}, true, "bare.pcapng holds no secrets"},
			{"SSLKEYLOGFILE", map[string]string{"SSLKEYLOGFILE": log}, []string{bare}, true, ""},
			{"SSLKEYLOGFILE is not there", map[string]string{"SSLKEYLOGFILE": none}, []string{bare}, false, "SSLKEYLOGFILE: "},
			{"in the capture", nil, []string{late}, true, ""},
			{"in another capture", nil, []string{bare, late}, true, ""},
		} {
			r := runApp(t, c.env, "", append([]string{"pairs", "-o", "ndjson"}, c.args...)...)
			if read := strings.Contains(r.out, `"key":"secret"`); read != c.read || !strings.Contains(r.errout, c.says) {
				t.Errorf("%#x, %s: read %v, said %q", suite, c.name, read, r.errout)
			}
		}
		if r := runApp(t, nil, "", "analyze", "--keylog", none, bare); r.code != exitUsage || !strings.Contains(r.errout, none) {
			t.Errorf("a key log that is not there: code %d, said %q", r.code, r.errout)
		}
	}
}

// TestSecretsOfTLSStayInside: no output has any of the key log, at any verbosity, and none of what is written for others.
func TestSecretsOfTLSStayInside(t *testing.T) {
	_, log, late := overTLS(t, 0)
	text := readAll(t, log)
	var secrets []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		raw := ""
		if _, err := fmt.Sscanf(words[2], "%x", &raw); err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, words[2], strings.ToUpper(words[2]), raw)
	}
	cut := filepath.Join(t.TempDir(), "cut.pcapng")
	for _, args := range [][]string{
		{"analyze", "-v", "--show-values", "-o", "text", late}, {"analyze", "-v", "-o", "json", late}, {"analyze", "-o", "html", late},
		{"pairs", "-v", "-o", "ndjson", late}, {"conns", "-v", "-o", "ndjson", late}, {"dump", "-v", "--stage", "segments", late},
		{"dump", "-v", "--stage", "packets", late}, {"cut", "--conn", "1", "-o", cut, late}, {"cut", "--raw", "--conn", "1", "-o", cut + "2", late},
	} {
		r := runApp(t, nil, "", append(args, "--keylog", log)...)
		if r.code == exitUsage || r.code == exitInternal {
			t.Errorf("%q: code %d: %s", args, r.code, r.errout)
		}
		all := r.out + r.errout
		if i := len(args) - 2; args[0] == "cut" {
			all += readAll(t, args[i])
		}
		for _, s := range secrets {
			if strings.Contains(all, s) {
				t.Errorf("%q has a secret", args)
			}
		}
	}
}

func readAll(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCutCarriesKeysOnRequest: with --keys a cut is read without a key log, and only with --raw, as the passwords can be read then.
func TestCutCarriesKeysOnRequest(t *testing.T) {
	for _, suite := range []uint16{0, 0xc02b} {
		bare, log, _ := overTLS(t, suite)
		dir := t.TempDir()
		for _, c := range []struct {
			name string
			args []string
			read bool
			says string
		}{
			{"keys", []string{"--keys", "--raw", "--keylog", log}, true, ""},
			{"no keys", []string{"--raw", "--keylog", log}, false, ""},
			{"keys that nobody has", []string{"--keys", "--raw"}, false, "no TLS secrets"},
		} {
			out := filepath.Join(dir, c.name)
			r := runApp(t, nil, "", append([]string{"cut", "--conn", "1", "-o", out, bare}, c.args...)...)
			if r.code != exitClean || !strings.Contains(r.errout, c.says) {
				t.Errorf("%s: code %d, said %q", c.name, r.code, r.errout)
			}
			r = runApp(t, nil, "", "pairs", "-o", "ndjson", out)
			if read := strings.Contains(r.out, `"key":"secret"`); read != c.read {
				t.Errorf("%#x, %s: read %v, said %q", suite, c.name, read, r.errout)
			}
		}
		if r := runApp(t, nil, "", "cut", "--conn", "1", "--keys", "-o", filepath.Join(dir, "x"), "--keylog", log, bare); r.code != exitUsage || !strings.Contains(r.errout, "--raw") {
			t.Errorf("--keys without --raw: code %d, said %q", r.code, r.errout)
		}
	}
}

// TestRowsSayWhatIsEncrypted: rows of commands of which some cannot be read say so, and do not where the secrets are given.
func TestRowsSayWhatIsEncrypted(t *testing.T) {
	capture := filepath.Join(testcap.Own(), "tls", "60b_tls13_aes128_py_closed.client.pcap.gz")
	keys := filepath.Join(testcap.Own(), "tls", "60b_tls13_aes128_py_closed.keylog")
	for _, command := range []string{"stats", "pairs"} {
		if r := runApp(t, nil, "", command, capture); !strings.Contains(r.errout, "45 connections are encrypted, and not read") {
			t.Errorf("%s: %q", command, r.errout)
		}
		if r := runApp(t, nil, "", command, capture, "--keylog", keys); strings.Contains(r.errout, "encrypted") {
			t.Errorf("%s with keys: %q", command, r.errout)
		}
	}
}

// TestSomeKeysMissing: where the secrets of some connections are known, it is said how many of all could not be read.
func TestSomeKeysMissing(t *testing.T) {
	name := filepath.Join(testcap.Own(), "tls", "60b_tls13_aes128_py_closed")
	raw, err := os.ReadFile(name + ".keylog")
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half.keylog")
	if err := os.WriteFile(half, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	var d struct {
		Quality struct{ Encrypted, Decrypted int64 }
	}
	r := runApp(t, nil, "", "analyze", "-o", "json", "--keylog", half, name+".client.pcap.gz")
	if err := json.Unmarshal([]byte(r.out), &d); err != nil {
		t.Fatal(err)
	}
	q := d.Quality
	if q.Encrypted == 0 || q.Decrypted == 0 || q.Encrypted+q.Decrypted != 45 {
		t.Fatalf("%+v", q)
	}
	if want := fmt.Sprintf("%d of 45 connections with TLS could not be read", q.Encrypted); !strings.Contains(r.out, want) {
		t.Errorf("no %q in\n%.2000s", want, r.out)
	}
}
