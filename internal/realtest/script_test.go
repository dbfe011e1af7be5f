package realtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// invocations reads the list of commands that the command table's own test asks a server, one an inline request a line.
func invocations(t *testing.T) (list [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "resp", "commands", "internal", "gentable", "invocations.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, words(t, line))
		}
	}
	if len(list) < 300 {
		t.Fatalf("only %d invocations", len(list))
	}
	return list
}

// words splits a line at spaces outside double quotes.
func words(t *testing.T, line string) (list []string) {
	t.Helper()
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		word, rest, _ := strings.Cut(line, " ")
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if word, err = strconv.Unquote(quoted); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			rest = line[len(quoted):]
		}
		list = append(list, word)
		line = rest
	}
	return list
}

// manner is how a caller sends a list of commands.
type manner struct {
	name     string
	slow     bool // slow commands too
	proto    string
	pipeline int  // commands a write
	chunk    int  // bytes a write; 0: all
	inline   bool // as typed by a person
	block    bool // each pipeline is a transaction
}

var manners = []manner{
	{name: "RESP2, one at a time", slow: true, pipeline: 1},
	{name: "RESP3, one at a time", pipeline: 1, proto: "3"},
	{name: "RESP2, pipelines of 7", pipeline: 7},
	{name: "RESP3, pipelines of 7", slow: true, pipeline: 7, proto: "3"},
	{name: "RESP2, inline", pipeline: 1, inline: true},
	{name: "RESP3, inline pipelines of 7", pipeline: 7, inline: true, proto: "3"},
	{name: "RESP2, in small pieces", pipeline: 3, chunk: 11},
	{name: "RESP2, transactions of 7", pipeline: 7, block: true},
	{name: "RESP3, transactions of 7", pipeline: 7, block: true, proto: "3"},
	{name: "RESP3, all at once", pipeline: 1 << 20, proto: "3"},
}

// slow are commands that take a second or more: the one waits in vain.
var slow = map[string]bool{"PFSELFTEST": true, "BRPOPLPUSH": true}

// outsideTransactions are the commands that begin, end or forbid one.
var outsideTransactions = map[string]bool{"MULTI": true, "EXEC": true, "DISCARD": true, "WATCH": true, "UNWATCH": true}

// say sends every command of a list in one manner.
func (m manner) say(c *caller, list [][]string) {
	c.t.Helper()
	if m.proto != "" {
		c.do(one("HELLO", m.proto))
	}
	var batch []ask
	flush := func() {
		c.t.Helper()
		if m.block {
			batch = append(append([]ask{one("MULTI")}, batch...), one("EXEC"))
		}
		c.send(m.chunk, batch...)
		c.wait()
		batch = batch[:0]
	}
	for _, words := range list {
		if m.block && outsideTransactions[words[0]] || slow[words[0]] && !m.slow {
			continue
		}
		batch = append(batch, ask{words: words, due: 1, inline: m.inline})
		if len(batch) == m.pipeline {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
	c.close()
}
