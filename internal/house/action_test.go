package house

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/respsniff/respsniff/internal/testenv"
)

// startRedis runs a server for the length of the test and returns its port.
func startRedis(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	server := exec.Command("redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--enable-debug-command", "local")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	for range 1200 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return port
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("redis-server does not listen")
	return 0
}

// goredis builds the test program of testdata/goredis, which is a module of its own, and returns its path.
func goredis(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "goredis")
	out, err := exec.Command("go", "build", "-C", filepath.Join(root(t), "testdata", "goredis"), "-o", path, ".").CombinedOutput()
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("go-redis is not to be had: %s", out)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// TestTwoRecordings records one test of a real client twice: what is written of the first holds for the second, and for no
// recording without the fault.
func TestTwoRecordings(t *testing.T) {
	testenv.Needs(t, "tcpdump", "redis-server", "redis-cli")
	dir, client, port := t.TempDir(), goredis(t), startRedis(t)
	record := filepath.Join(root(t), "docs", "examples", "record.sh")
	for _, name := range []string{"one", "two"} {
		out := script(t, dir, fmt.Sprintf("mkdir %s; REDIS_PORT=%d sh '%s' %s/timeout.pcap '%s' 127.0.0.1:%d", name, port, record, name, client, port))
		t.Log(strings.TrimSpace(out))
	}
	if out := script(t, dir, "respsniff verify --write one; cp one/*.yaml two; respsniff verify two; cat one/*.yaml"); !strings.Contains(out, "- rule: RS110\n    min: 1\n") {
		t.Errorf("RS110 is not wanted at least once:\n%s", out)
	}
	script(t, dir, "respsniff analyze --fail-on none --write-baseline known.yaml one; respsniff analyze --baseline known.yaml two >two.txt")
	// A test that provokes nothing.
	script(t, dir, fmt.Sprintf("mkdir three; cp one/*.yaml three; REDIS_PORT=%d sh '%s' three/timeout.pcap redis-cli -p %d ping", port, record, port))
	script(t, dir, "code=0; respsniff verify three >three.txt || code=$?; test $code = 1; grep 'RS110 was not found' three.txt")
}

// compositeAction is what the test needs of an action.yml.
type compositeAction struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Steps []struct {
			Name, ID, If, Shell, Run string
			Env                      map[string]string
		}
	}
}

// runner runs the steps of an action as GitHub's does, as far as action.yml needs it.
type runner struct {
	t      *testing.T
	dir    string // where the user's repository is checked out
	temp   string
	inputs map[string]string
	failed bool
	ran    []string // names of steps
}

var expression = regexp.MustCompile(`\$\{\{ *([a-z._]+) *\}\}`)

// value replaces the expressions in a text.
func (r *runner) value(text string) string {
	return expression.ReplaceAllStringFunc(text, func(word string) string {
		switch name := expression.FindStringSubmatch(word)[1]; {
		case name == "github.action_path":
			return root(r.t)
		case name == "runner.temp":
			return r.temp
		case strings.HasPrefix(name, "inputs."):
			value, ok := r.inputs[strings.TrimPrefix(name, "inputs.")]
			if !ok {
				r.t.Fatalf("there is no input %s", name)
			}
			return value
		case name == "steps.install.outputs.report":
			out, err := os.ReadFile(filepath.Join(r.temp, "output"))
			if err != nil {
				r.t.Fatal(err)
			}
			return strings.TrimSpace(strings.TrimPrefix(string(out), "report="))
		default:
			r.t.Fatalf("what is %s?", word)
			return ""
		}
	})
}

// wanted evaluates the condition of a step.
func (r *runner) wanted(condition string) bool {
	switch condition {
	case "":
		return !r.failed
	case "inputs.run != ''":
		return !r.failed && r.inputs["run"] != ""
	case "failure()":
		return r.failed
	}
	r.t.Fatalf("what is the condition %s?", condition)
	return false
}

// run runs all steps and returns what they print.
func (r *runner) run(inputs map[string]string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(root(r.t), "action.yml"))
	if err != nil {
		r.t.Fatal(err)
	}
	var action compositeAction
	if err := yaml.Unmarshal(text, &action); err != nil {
		r.t.Fatal(err)
	}
	r.inputs = map[string]string{}
	for name, in := range action.Inputs {
		r.inputs[name] = in.Default
	}
	for name, value := range inputs {
		if _, ok := r.inputs[name]; !ok {
			r.t.Fatalf("action.yml has no input %s", name)
		}
		r.inputs[name] = value
	}
	var printed bytes.Buffer
	for _, step := range action.Runs.Steps {
		if expression.MatchString(step.Run) {
			r.t.Errorf("step %s: what users give stands in the script itself: hand it over in env", step.Name)
		}
		if step.Shell != "bash" {
			r.t.Errorf("step %s: no shell", step.Name)
		}
		if !r.wanted(step.If) {
			continue
		}
		r.ran = append(r.ran, step.Name)
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
		cmd.Dir = r.dir
		path := os.Getenv("PATH")
		if more, err := os.ReadFile(filepath.Join(r.temp, "path")); err == nil {
			path = strings.TrimSpace(string(more)) + string(os.PathListSeparator) + path
		}
		cmd.Env = append(os.Environ(), "PATH="+path, "GITHUB_PATH="+filepath.Join(r.temp, "path"), "GITHUB_OUTPUT="+filepath.Join(r.temp, "output"),
			"GITHUB_STEP_SUMMARY="+filepath.Join(r.temp, "summary.md"), "XDG_CONFIG_HOME="+r.temp)
		for name, value := range step.Env {
			cmd.Env = append(cmd.Env, name+"="+r.value(value))
		}
		out, err := cmd.CombinedOutput()
		printed.Write(out)
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			r.t.Fatal(err)
		}
		if err != nil && r.failed {
			r.t.Errorf("step %s after a failure: %v\n%s", step.Name, err, out)
		}
		r.failed = r.failed || err != nil
	}
	return printed.String()
}

// TestActionRecords runs action.yml step by step over a test of a real client, which is as expected, and then is not.
func TestActionRecords(t *testing.T) {
	testenv.Needs(t, "tcpdump", "redis-server")
	client, port := goredis(t), startRedis(t)
	for name, c := range map[string]struct {
		expectation string
		failed      bool
		steps, says string
	}{
		"as expected":  {"want: [{rule: RS103, min: 1}, {rule: RS110, min: 1}]\n", false, "Install respsniff Record Verify", ""},
		"not expected": {"want: []\nforbid: [RS1]\n", true, "Install respsniff Record Verify Explain", "::error"},
	} {
		t.Run(name, func(t *testing.T) {
			r := runner{t: t, dir: t.TempDir(), temp: t.TempDir()}
			if err := os.WriteFile(filepath.Join(r.dir, "timeout.expect.yaml"), []byte(c.expectation), 0o600); err != nil {
				t.Fatal(err)
			}
			out := r.run(map[string]string{"captures": "timeout.pcap", "run": fmt.Sprintf("'%s' 127.0.0.1:%d", client, port), "port": fmt.Sprint(port)})
			if ran := strings.Join(r.ran, " "); r.failed != c.failed || ran != c.steps || !strings.Contains(out, c.says) {
				t.Errorf("failed %v, steps %s:\n%s", r.failed, ran, out)
			}
			reports := []string{"verify.txt", "verify.xml", "verify.sarif"}
			if c.failed {
				reports = append(reports, "timeout.pcap.html")
			}
			for _, report := range reports {
				if _, err := os.Stat(filepath.Join(r.temp, "respsniff-report", report)); err != nil {
					t.Error(err)
				}
			}
			if summary, err := os.ReadFile(filepath.Join(r.temp, "summary.md")); err != nil || !strings.Contains(string(summary), "timeout.pcap") {
				t.Errorf("summary: %v\n%s", err, summary)
			}
		})
	}
}

// TestActionOverAFolder needs no rights: nothing is recorded.
func TestActionOverAFolder(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	r := runner{t: t, dir: t.TempDir(), temp: t.TempDir()}
	if err := os.Mkdir(filepath.Join(r.dir, "redis"), 0o700); err != nil {
		t.Fatal(err)
	}
	copyCapture(t, ciCapture, filepath.Join(r.dir, "redis", "a.pcap"))
	copyCapture(t, "01a_small.pcap", filepath.Join(r.dir, "redis", "b.pcap"))
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(r.dir, "redis", name+".expect.yaml"), []byte(readPage(t, "docs/ci.md").block(t, "expectation")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := r.run(map[string]string{"captures": "redis", "arguments": "--rule RS1 --tz UTC"})
	if !r.failed || !strings.Contains(out, "b.pcap") || len(r.ran) != 3 {
		t.Errorf("failed %v, steps %q:\n%s", r.failed, r.ran, out)
	}
	if _, err := os.Stat(filepath.Join(r.temp, "respsniff-report", "b.pcap.html")); err != nil {
		t.Error(err)
	}
}
