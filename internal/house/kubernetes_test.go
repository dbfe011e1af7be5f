package house

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// TestNamesOfPods runs the page's command on the output of kubectl, and gives its result to the program.
func TestNamesOfPods(t *testing.T) {
	p := readPage(t, "docs/kubernetes.md")
	dir := t.TempDir()
	sample, err := filepath.Abs(filepath.Join("testdata", "pods.txt"))
	if err != nil {
		t.Fatal(err)
	}
	kubectl := "#!/bin/sh\ncat '" + sample + "'\n"
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte(kubectl), 0o700); err != nil {
		t.Fatal(err)
	}
	script(t, dir, "export LC_ALL=C PATH=\"$PWD:$PATH\"\n"+p.block(t, "run: names of pods"))
	got, err := os.ReadFile(filepath.Join(dir, "names.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.block(t, "shown: names of pods"), string(got)); diff != "" {
		t.Errorf("names.txt (-page +is):\n%s", diff)
	}
	capture := filepath.Join(root(t), "testdata", "captures", "08g_goredis6_healthy.pcap.gz")
	out := script(t, dir, "echo 127.0.0.1 shop/local >> names.txt\nrespsniff analyze --names names.txt --fail-on none -o json '"+capture+"'")
	if !strings.Contains(out, `"client_name": "shop/local"`) {
		t.Errorf("analyze --names: %s", out)
	}
}

// container is what the examples say of one.
type container struct {
	Name, Image     string
	Args            []string
	SecurityContext securityContext `yaml:"securityContext"`
}

type securityContext struct {
	RunAsNonRoot bool  `yaml:"runAsNonRoot"`
	RunAsUser    int   `yaml:"runAsUser"`
	Escalation   *bool `yaml:"allowPrivilegeEscalation"`
	ReadOnly     bool  `yaml:"readOnlyRootFilesystem"`
	Privileged   bool
	Capabilities struct{ Drop, Add []string }
}

// TestKubernetesExamples: the least rights, and no flag that the program does not know.
func TestKubernetesExamples(t *testing.T) {
	read := func(name string, to any) {
		text, err := os.ReadFile(filepath.Join(root(t), "contrib", "kubernetes", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	bounded := func(name string, s securityContext, add ...string) {
		if s.Privileged || !s.ReadOnly || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || !slices.Equal(s.Capabilities.Add, add) ||
			s.Escalation == nil || *s.Escalation != (len(add) > 0) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for name, add := range map[string][]string{"daemonset.yaml": {"NET_RAW"}, "job.yaml": nil} {
		var x struct {
			Spec struct {
				Template struct {
					Spec struct {
						Token      *bool           `yaml:"automountServiceAccountToken"`
						Security   securityContext `yaml:"securityContext"`
						Containers []container
					}
				}
			}
		}
		read(name, &x)
		spec := x.Spec.Template.Spec
		if spec.Token == nil || *spec.Token || !spec.Security.RunAsNonRoot || spec.Security.RunAsUser == 0 || len(spec.Containers) != 1 {
			t.Errorf("%s: %+v", name, spec)
			continue
		}
		c := spec.Containers[0]
		bounded(name, c.SecurityContext, add...)
		help := script(t, t.TempDir(), "respsniff "+c.Args[0]+" --help")
		for _, arg := range c.Args[1:] {
			if flag, _, _ := strings.Cut(arg, "="); strings.HasPrefix(flag, "--") && !strings.Contains(help, flag+" ") {
				t.Errorf("%s: 'respsniff %s' has no flag %s", name, c.Args[0], flag)
			}
		}
	}
	var debug struct {
		Security securityContext `yaml:"securityContext"`
	}
	read("debug.yaml", &debug)
	bounded("debug.yaml", debug.Security, "NET_RAW")
	if !debug.Security.RunAsNonRoot {
		t.Error("debug.yaml: as root")
	}
}
