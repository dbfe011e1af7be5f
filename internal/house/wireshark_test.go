package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWireshark runs the script and the colouring rules of contrib in tshark, with rows among which are some that are none.
func TestWireshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	p := readPage(t, "docs/wireshark.md")
	dir := t.TempDir()
	put := func(name, from string) {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("respsniff.lua", filepath.Join(root(t), "contrib", "wireshark", "respsniff.lua"))
	put("colorfilters", filepath.Join(root(t), "contrib", "wireshark", "respsniff.colors"))
	script(t, dir, "gunzip -c '"+filepath.Join(root(t), "testdata", "captures", "lab_j2.pcap.gz")+"' > redis.pcap")
	env := "export WIRESHARK_CONFIG_DIR=\"$PWD\"\n"
	fields := func(commands string) string {
		var lines []string
		for line := range strings.Lines(script(t, dir, env+commands)) {
			if !strings.HasPrefix(line, "Running as user") {
				lines = append(lines, strings.TrimRight(line, "\n"))
			}
		}
		return strings.Join(lines, "\n") + "\n"
	}
	if diff := cmp.Diff(p.block(t, "shown: misread in tshark"), fields(p.block(t, "run: misread in tshark"))); diff != "" {
		t.Errorf("misread (-page +is):\n%s", diff)
	}

	rows, err := os.ReadFile(filepath.Join(dir, "pairs.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	hostile := "\n{\n[]\n{\"type\":\"exchange\n" + strings.Repeat("[", 1000) + "\n{\"a\":\"\\u0041\\\"\\\\\",\"b\":[1,{}],\"type\":\"x\"}\nnull\n" + string(rows)
	if err := os.WriteFile(filepath.Join(dir, "pairs.ndjson"), []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	got := fields("tshark -X lua_script:respsniff.lua -X lua_script1:pairs.ndjson -r redis.pcap --color -Y 'respsniff && frame.number >= 36 && frame.number <= 51' " +
		"-T fields -e frame.number -e respsniff.serves_frame -e respsniff.reply_to -e respsniff.got_by -e respsniff.gave_up -e frame.coloring_rule.name")
	want := `36	42				respsniff: command
38	47			1	respsniff: caller gave up
40	47				respsniff: caller got another command's reply
42		1			respsniff: reply
47		2,3	3,4		respsniff: this reply went to another caller
49	53				respsniff: caller got another command's reply
51	53				respsniff: caller got another command's reply
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
