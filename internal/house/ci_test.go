package house

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// ciCapture has timeouts after which each connection was closed: what a gate lets pass.
const ciCapture = "08g_goredis6_healthy.pcap"

// block gives the code behind the comment <!-- mark --> of a page.
func (p *page) block(t *testing.T, mark string) string {
	t.Helper()
	_, rest, ok := strings.Cut(p.text, "<!-- "+mark+" -->\n```")
	_, rest, ok2 := strings.Cut(rest, "\n")
	code, _, ok3 := strings.Cut(rest, "```")
	if !ok || !ok2 || !ok3 {
		t.Fatalf("%s has no block %q", p.path, mark)
	}
	return code
}

// script runs commands in dir; all of them must succeed.
func script(t *testing.T, dir, commands string) string {
	t.Helper()
	sh := exec.CommandContext(t.Context(), "sh", "-ec", commands)
	sh.Dir = dir
	sh.Env = append(os.Environ(), "PATH="+build(t)+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CONFIG_HOME="+t.TempDir())
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, out)
	}
	return string(out)
}

// copyCapture copies a capture as it is: the program looks into a file, not at its name, to see that it is compressed.
func copyCapture(t *testing.T, name, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), "testdata", "captures", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestGatePage runs the commands of docs/ci.md, whose baseline must make a capture with desyncs pass.
func TestGatePage(t *testing.T) {
	p := readPage(t, "docs/ci.md")
	dir := t.TempDir()
	copyCapture(t, "01a_small.pcap", filepath.Join(dir, "timeout.pcap"))
	script(t, dir, p.block(t, "commands: verify"))
	if out := script(t, dir, p.block(t, "commands: baseline")); !strings.Contains(out, "accepted by the baseline") {
		t.Errorf("no finding was accepted:\n%s", out)
	}
	if out := script(t, dir, p.block(t, "commands: names")+"\ngrep name: named.yaml"); !strings.Contains(out, "client_name: app") || !strings.Contains(out, "server_name: cache") {
		t.Errorf("the names are not in the baseline:\n%s", out)
	}
}

// TestGateWorkflow runs the program as the example workflow does, with the expectation of docs/ci.md.
func TestGateWorkflow(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "examples", "respsniff.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run string }
		}
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "testdata", "redis")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	copyCapture(t, ciCapture, filepath.Join(data, "timeout.pcap"))
	expectation := readPage(t, "docs/ci.md").block(t, "expectation")
	if err := os.WriteFile(filepath.Join(data, "timeout.expect.yaml"), []byte(expectation), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, step := range workflow.Jobs["desync"].Steps {
		for line := range strings.Lines(step.Run) {
			if strings.HasPrefix(line, "respsniff ") {
				commands++
				script(t, dir, line)
			}
		}
	}
	if commands != 2 {
		t.Errorf("the workflow has %d commands of the program, want verify and analyze", commands)
	}
	if _, err := os.Stat(filepath.Join(dir, "respsniff.html")); err != nil {
		t.Error(err)
	}
}

// TestRecordScript records a real client and server with the script of the page.
func TestRecordScript(t *testing.T) {
	for _, program := range []string{"tcpdump", "redis-server", "redis-cli"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("capturing needs rights")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	server := exec.CommandContext(t.Context(), "redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
	}()
	for range 1200 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	dir := t.TempDir()
	record := filepath.Join(root(t), "docs", "examples", "record.sh")
	script(t, dir, fmt.Sprintf("REDIS_PORT=%d sh '%s' out.pcap redis-cli -p %d SET recorded yes", port, record, port))
	if out := script(t, dir, "respsniff pairs out.pcap"); !strings.Contains(out, "SET recorded") {
		t.Errorf("the recording shows\n%s", out)
	}
	if out := script(t, dir, fmt.Sprintf("code=0; REDIS_PORT=%d sh '%s' again.pcap sh -c 'exit 7' || code=$?; echo code $code", port, record)); !strings.Contains(out, "code 7\n") {
		t.Errorf("the command's exit code is lost:\n%s", out)
	}
}
