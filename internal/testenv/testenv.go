// Package testenv gives tests what they need of the machine: programs, rights, a free address, a page of a server.
package testenv

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
)

// Needs skips a test that records loopback and runs programs, where they are not installed or the right to capture lacks. In CI,
// which installs them and runs as root, the test fails instead.
func Needs(tb testing.TB, programs ...string) {
	tb.Helper()
	why := ""
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			why = p + " is not installed"
		}
	}
	if os.Geteuid() != 0 {
		why = "recording loopback needs root"
	}
	switch {
	case why == "":
	case os.Getenv("CI") != "":
		tb.Fatal(why)
	default:
		tb.Skip(why)
	}
}

// FreeAddress is one of loopback that nobody listens on.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Get returns what a server answers.
func Get(tb testing.TB, url string) (code int, body string) {
	tb.Helper()
	r, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return r.StatusCode, string(b)
}
