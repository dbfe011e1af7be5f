package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/report"
)

// secretMark is a part of every secret of this test, in every 15 bytes of one: what is left of a torn secret holds it too.
const secretMark = "S3CR3T"

// secretTurn is what one side sends at once.
type secretTurn struct {
	server bool
	text   string
}

// request is an array of bulk strings.
func requestOf(words ...string) secretTurn {
	b := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		b += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	return secretTurn{text: b}
}

func replyOf(text string) secretTurn { return secretTurn{true, text} }

// arrayOf is an array of bulk strings as a reply; with % as the marker a map.
func arrayOf(marker string, words ...string) string {
	n := len(words)
	if marker == "%" {
		n /= 2
	}
	b := marker + strconv.Itoa(n) + "\r\n"
	for _, w := range words {
		b += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// secretTalks are conversations in which the secret p is sent, by name. Each but those of lines begins and ends with an ordinary
// command.
func secretTalks(p string) map[string][]secretTurn {
	ok := replyOf("+OK\r\n")
	entry := "*4\r\n:1\r\n:1700000000\r\n:12\r\n" + arrayOf("*", "AUTH", "default", p)
	list := arrayOf("*", "user default on #"+p+" ~* +@all", "user bob on >"+p)
	talks := map[string][]secretTurn{
		"AUTH":                     {requestOf("AUTH", p), ok},
		"AUTH user":                {requestOf("auth", "default", p), ok},
		"AUTH refused":             {requestOf("AUTH", p), replyOf("-WRONGPASS invalid username-password pair or user is disabled.\r\n")},
		"HELLO":                    {requestOf("HELLO", "3", "AUTH", "default", p, "SETNAME", "app"), replyOf("%1\r\n+server\r\n+redis\r\n")},
		"HELLO 2":                  {requestOf("hello", "2", "setname", "x", "auth", p, p), replyOf(arrayOf("*", "server", "redis"))},
		"HELLO unknown":            {requestOf("HELLO", "3", "AUTH", "default", p), replyOf("-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `" + p + "`, \r\n")},
		"AUTH unknown":             {requestOf("AUTH", "u", p), replyOf("-ERR unknown command 'AUTH', with args beginning with: 'u' '" + p + "' \r\n")},
		"misspelt":                 {requestOf("AUHT", p), replyOf("-ERR unknown command 'AUHT', with args beginning with: '" + p + "' \r\n")},
		"alone":                    {requestOf(p), replyOf("-ERR unknown command '" + p + "', with args beginning with: \r\n")},
		"ACL SETUSER":              {requestOf("ACL", "SETUSER", "bob", "on", ">"+p, "~*"), ok},
		"ACL SETUSER hash":         {requestOf("acl", "setuser", "bob", "#"+p, "<"+p, "!"+p), replyOf("-ERR Error in ACL SETUSER modifier '<" + p + "': The password you are trying to remove from the user does not exist\r\n")},
		"ACL LIST":                 {requestOf("ACL", "LIST"), replyOf(list)},
		"ACL GETUSER":              {requestOf("ACL", "GETUSER", "bob"), replyOf("*4\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$9\r\npasswords\r\n" + arrayOf("*", p))},
		"ACL GETUSER map":          {requestOf("ACL", "GETUSER", "bob"), replyOf("%1\r\n$9\r\npasswords\r\n" + arrayOf("*", p))},
		"ACL GENPASS":              {requestOf("ACL", "GENPASS"), replyOf(fmt.Sprintf("$%d\r\n%s\r\n", len(p), p))},
		"CONFIG SET":               {requestOf("CONFIG", "SET", "requirepass", p), ok},
		"CONFIG SET several":       {requestOf("config", "set", "maxmemory", "1", "MasterAuth", p, "tls-key-file-pass", p), replyOf("-ERR CONFIG SET failed (possibly related to argument 'masterauth') - '" + p + "'\r\n")},
		"CONFIG SET refused":       {requestOf("CONFIG", "SET", "requirepass", p), replyOf("-ERR Invalid argument '" + p + "' for CONFIG SET 'requirepass'\r\n")},
		"CONFIG GET":               {requestOf("CONFIG", "GET", "requirepass"), replyOf(arrayOf("*", "requirepass", p))},
		"CONFIG GET map":           {requestOf("CONFIG", "GET", "*"), replyOf(arrayOf("%", "maxmemory", "0", "port", "6379", "dir", "/", "save", "", "masterauth", p))},
		"MIGRATE":                  {requestOf("MIGRATE", "10.0.0.9", "6379", "k", "0", "100", "AUTH", p), ok},
		"MIGRATE AUTH2":            {requestOf("MIGRATE", "10.0.0.9", "6379", "", "0", "100", "COPY", "AUTH2", "user", p, "KEYS", "a", "b"), replyOf("+NOKEY\r\n")},
		"SENTINEL SET":             {requestOf("SENTINEL", "SET", "mymaster", "auth-pass", p), ok},
		"SENTINEL CONFIG":          {requestOf("SENTINEL", "CONFIG", "SET", "sentinel-pass", p), ok},
		"SENTINEL CONFIG GET":      {requestOf("SENTINEL", "CONFIG", "GET", "sentinel-pass"), replyOf(arrayOf("%", "sentinel-pass", p))},
		"MODULE LOADEX":            {requestOf("MODULE", "LOADEX", "/m.so", "CONFIG", "m.key", p, "ARGS", p), ok},
		"MODULE LOAD":              {requestOf("MODULE", "LOAD", "/m.so", p), ok},
		"EXEC CONFIG GET":          {requestOf("MULTI"), ok, requestOf("CONFIG", "GET", "requirepass"), replyOf("+QUEUED\r\n"), requestOf("EXEC"), replyOf("*1\r\n" + arrayOf("*", "requirepass", p))},
		"EXEC ACL":                 {requestOf("MULTI"), ok, requestOf("GET", "k"), replyOf("+QUEUED\r\n"), requestOf("ACL", "LIST"), replyOf("+QUEUED\r\n"), requestOf("EXEC"), replyOf("*2\r\n$-1\r\n" + list)},
		"EXEC CONFIG SET":          {requestOf("MULTI"), ok, requestOf("CONFIG", "SET", "requirepass", p), replyOf("+QUEUED\r\n"), requestOf("EXEC"), replyOf("*1\r\n-ERR Invalid argument '" + p + "' for CONFIG SET 'requirepass'\r\n")},
		"pipeline":                 {{text: requestOf("AUTH", p).text + requestOf("SELECT", "1").text + requestOf("CONFIG", "GET", "*pass*").text}, {true, "+OK\r\n+OK\r\n" + arrayOf("*", "requirepass", p)}},
		"line":                     {{text: "AUTH " + p + "\r\n"}, ok},
		"quoted line":              {{text: "auth default \"" + p + "\"\r\n"}, ok},
		"line CONFIG":              {{text: "config set requirepass '" + p + "'\n"}, ok},
		"broken line":              {{text: "AUTH \"" + p + "\r\n"}, replyOf("-ERR Protocol error: unbalanced quotes in request\r\n")},
		"MONITOR":                  {requestOf("MONITOR"), ok, replyOf("+1700000000.123456 [0 10.0.0.7:4711] \"AUTH\" \"" + p + "\"\r\n+1700000000.123457 [0 10.0.0.7:4711] \"config\" \"set\" \"requirepass\" \"" + p + "\"\r\n")},
		"SLOWLOG":                  {requestOf("SLOWLOG", "GET", "10"), replyOf("*1\r\n" + entry)},
		"SLOWLOG in EXEC":          {requestOf("MULTI"), ok, requestOf("SLOWLOG", "GET"), replyOf("+QUEUED\r\n"), requestOf("EXEC"), replyOf("*1\r\n*1\r\n" + entry)},
		"COMMANDLOG":               {requestOf("COMMANDLOG", "GET", "10", "slow"), replyOf("*1\r\n" + entry)},
		"a body too long":          {{text: fmt.Sprintf("*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(p)+9, p)}, ok},
		"a body too short":         {{text: fmt.Sprintf("*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", 5, p)}, replyOf("-ERR Protocol error: expected '$', got '" + p[5:6] + "'\r\n")},
		"a count too small":        {{text: fmt.Sprintf("*1\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(p), p)}, replyOf("-ERR wrong number of arguments for 'auth' command\r\n-ERR unknown command '$" + strconv.Itoa(len(p)) + "', with args beginning with: \r\n-ERR unknown command '" + p + "', with args beginning with: \r\n")},
		"a count too large":        {{text: fmt.Sprintf("*4\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(p), p)}, ok},
		"bytes before":             {{text: "zz" + requestOf("AUTH", p).text}, replyOf("-ERR unknown command 'zz*2', with args beginning with: \r\n")},
		"a value before too short": {{text: "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nabcdefgh\r\n" + requestOf("AUTH", p).text}, replyOf("-ERR Protocol error: expected '$', got 'd'\r\n")},
		"a value before too long":  {{text: "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9\r\nabc\r\n" + requestOf("AUTH", p).text}, replyOf("-ERR Protocol error\r\n")},
		"a key":                    {requestOf("AUTH"), replyOf("-ERR wrong number of arguments for 'auth' command\r\n"), {text: "\r\n" + p + "\r\n"}, replyOf("-ERR unknown command '" + p + "', with args beginning with: \r\n")},
	}
	for name, talk := range talks {
		talks[name] = append(append([]secretTurn{requestOf("PING"), replyOf("+PONG\r\n")}, talk...), requestOf("GET", "k"), replyOf("$1\r\nv\r\n"))
	}
	return talks
}

// secretWire writes the packets of conversations, each on a connection of its own.
type secretWire struct {
	*wire
	client int
	begun  int       // where its packets begin
	at     [2]uint32 // the next sequence number of client and server
}

// put writes a segment and moves its side on.
func (w *secretWire) put(turn secretTurn) {
	w.copy(turn, 0)
	w.at[side(turn)] += uint32(len(turn.text))
}

// copy writes a segment so far from its place, and moves nobody.
func (w *secretWire) copy(turn secretTurn, by int) {
	s := side(turn)
	w.send(w.client, s == 0, tcpPush, w.at[s]+uint32(by), w.at[1-s], []byte(turn.text))
}

func side(turn secretTurn) int {
	if turn.server {
		return 1
	}
	return 0
}

// snap cuts the packet written last to n bytes of its payload, by the record's captured length.
func (w *secretWire) snap(payload, n int) {
	b := w.Bytes()
	record := b[len(b)-payload-40-16:]
	binary.LittleEndian.PutUint32(record[8:], uint32(40+n))
	w.Truncate(len(b) - payload + n)
}

// halves writes a segment without what is lost of it.
func (w *secretWire) halves(turn secretTurn, firstLost, secondLost bool) {
	h := len(turn.text) / 2
	for i, part := range []string{turn.text[:h], turn.text[h:]} {
		if i == 0 && firstLost || i == 1 && secondLost {
			w.at[side(turn)] += uint32(len(part))
		} else {
			w.put(secretTurn{turn.server, part})
		}
	}
}

var secretText = regexp.MustCompile("(" + secretMark + `\d\d\d)+`)

// harmless is a segment of the same length without the secret.
func harmless(turn secretTurn) secretTurn {
	return secretTurn{turn.server, secretText.ReplaceAllStringFunc(turn.text, func(p string) string { return strings.Repeat("h", len(p)) })}
}

// each hands the turns that hold the secret to send, and writes the others.
func each(w *secretWire, talk []secretTurn, send func(secretTurn)) {
	for _, turn := range talk {
		if turn.holdsSecret() {
			send(turn)
		} else {
			w.put(turn)
		}
	}
}

// holdsSecret reports whether a turn has a part of the secret.
func (turn secretTurn) holdsSecret() bool { return strings.Contains(turn.text, secretMark) }

// secretRoads are what becomes of the turns that hold the secret on their way, by name. Each writes all of a conversation.
var secretRoads = map[string]func(w *secretWire, talk []secretTurn){
	"whole": func(w *secretWire, talk []secretTurn) { each(w, talk, w.put) },
	"small": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) {
			for len(turn.text) > 0 {
				n := min(17, len(turn.text))
				w.put(secretTurn{turn.server, turn.text[:n]})
				turn.text = turn.text[n:]
			}
		})
	},
	"first half lost": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) { w.halves(turn, true, false) })
	},
	"second half lost": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) { w.halves(turn, false, true) })
	},
	"head lost": func(w *secretWire, talk []secretTurn) { // up to the secret itself
		each(w, talk, func(turn secretTurn) {
			i := strings.Index(turn.text, secretMark)
			w.at[side(turn)] += uint32(i)
			w.put(secretTurn{turn.server, turn.text[i:]})
		})
	},
	"cut at half": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) { w.put(turn); w.snap(len(turn.text), len(turn.text)/2) })
	},
	"cut in the secret": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) { w.put(turn); w.snap(len(turn.text), strings.Index(turn.text, secretMark)+16) })
	},
	"everything cut": func(w *secretWire, talk []secretTurn) {
		for _, turn := range talk {
			w.put(turn)
			w.snap(len(turn.text), min(len(turn.text), 56))
		}
	},
	"another copy before": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) { w.copy(harmless(turn), 0); w.put(turn) })
	},
	"another copy behind": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) { w.put(harmless(turn)); w.copy(turn, -len(turn.text)) })
	},
	"same copy behind": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) { w.put(turn); w.copy(turn, -len(turn.text)) })
	},
	"copy far behind": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) {
			w.put(turn)
			w.put(requestOf("SET", "k", strings.Repeat("v", 200)))
			w.put(replyOf("+OK\r\n"))
			w.copy(turn, -len(turn.text))
		})
	},
	"shifted copy": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) {
			w.put(harmless(turn))
			w.copy(turn, -len(turn.text)+3)
			w.at[side(turn)] += 3
		})
	},
	"overlap of a hole": func(w *secretWire, talk []secretTurn) { // the second piece first, then a copy over both
		each(w, talk, func(turn secretTurn) {
			h := len(turn.text) / 2
			w.copy(secretTurn{turn.server, harmless(turn).text[h:]}, h)
			w.put(turn)
		})
	},
	"out of window": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) { w.copy(turn, 1<<30); w.put(harmless(turn)) })
	},
	"behind the end": func(w *secretWire, talk []secretTurn) {
		each(w, talk, func(turn secretTurn) {
			w.send(w.client, true, tcpRST, w.at[0], w.at[1], nil)
			w.put(turn)
		})
	},
	"begun there": func(w *secretWire, talk []secretTurn) { // everything before it was not captured
		i := 0
		for i < len(talk)-1 && !talk[i].holdsSecret() {
			i++
		}
		w.Truncate(w.begun)
		each(w, talk[i:], w.put)
	},
	"begun inside": func(w *secretWire, talk []secretTurn) {
		i := 0
		for i < len(talk)-1 && !talk[i].holdsSecret() {
			i++
		}
		w.Truncate(w.begun)
		each(w, talk[i:], func(turn secretTurn) { w.halves(turn, true, false) })
	},
}

// TestSecretsSurviveNowhere sends every kind of secret in every way in which a capture, or a client, may break it, and looks for
// what is left of it in each output of each command.
func TestSecretsSurviveNowhere(t *testing.T) {
	var cases []string // by the number that their secret has
	all := &secretWire{wire: newWire()}
	roads := map[string][]byte{} // captures of one road each
	for _, road := range slices.Sorted(maps.Keys(secretRoads)) {
		one := &secretWire{wire: newWire()}
		for _, name := range slices.Sorted(maps.Keys(secretTalks(secretMark))) {
			cases = append(cases, name+", "+road)
			n := len(cases)
			talk := secretTalks(strings.Repeat(fmt.Sprintf("%s%03d", secretMark, n), 4))[name]
			for _, w := range []*secretWire{all, one} {
				w.client, w.begun, w.at = n, w.Len(), [2]uint32{1, 1}
				w.open(n)
				secretRoads[road](w, talk)
			}
		}
		roads[road] = one.Bytes()
	}
	if len(cases) < 500 {
		t.Errorf("only %d inputs", len(cases))
	}
	survives := func(what string, out []byte) {
		if i := bytes.Index(out, fmt.Appendf(nil, "%x", secretMark)); i >= 0 {
			t.Errorf("%s, in hex: %q", what, out[max(0, i-70):min(len(out), i+30)])
		}
		for _, at := range regexp.MustCompile(secretMark+`\d*`).FindAllIndex(out, 1) {
			of := ""
			if m := regexp.MustCompile(secretMark + `(\d\d\d)`).FindSubmatch(out); m != nil {
				i, _ := strconv.Atoi(string(m[1]))
				of = cases[i-1]
			}
			t.Errorf("%s: %q (%s)", what, out[max(0, at[0]-70):min(len(out), at[1]+30)], of)
		}
	}
	run := func(what string, args ...string) string {
		r := runApp(t, nil, "", args...)
		if r.code == exitInternal || r.code == exitUsage {
			t.Errorf("%s: exit code %d: %s", what, r.code, r.errout)
		}
		survives(what, []byte(r.out))
		survives(what+", stderr", []byte(r.errout))
		return r.out
	}
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := file("whole.pcap", all.Bytes())
	saved := file("saved.json", nil)
	for _, f := range report.Formats {
		out := run("analyze -o "+string(f), "analyze", "-v", "--all", "--show-values", "--policy", "lockstep", "-o", string(f), whole)
		if f == report.JSON {
			saved = file("saved.json", []byte(out))
		}
	}
	for _, f := range report.Formats {
		run("render -o "+string(f), "render", "-o", string(f), saved)
	}
	for _, f := range rowFormats {
		run("pairs -o "+string(f), "pairs", "-v", "--show-values", "-o", string(f), whole)
		run("conns -o "+string(f), "conns", "-v", "-o", string(f), whole)
	}
	for _, stage := range []string{"packets", "segments", "values", "exchanges"} {
		run("dump --stage "+stage, "dump", "-v", "--stage", stage, whole)
	}
	run("stats", "stats", "-v", whole)
	run("stats -o json", "stats", "-v", "-o", "json", whole)
	run("diff", "diff", whole, whole)
	i := 0
	for road, b := range roads {
		path := file("road.pcap", b)
		for range 3 {
			f := report.Formats[i%len(report.Formats)]
			i++
			run("analyze -o "+string(f)+" of "+road, "analyze", "-v", "--all", "--show-values", "-o", string(f), path)
		}
	}
	// Some roads make two connections of one.
	args := []string{"cut", whole, "--force"}
	for conn := range 2 * len(cases) {
		args = append(args, "--conn", strconv.Itoa(conn+1))
	}
	cut := filepath.Join(dir, "cut.pcapng")
	for _, raw := range []bool{true, false} {
		run("cut", append(args, "-o", cut, "--raw="+strconv.FormatBool(raw))...)
		out, err := os.ReadFile(cut)
		if err != nil {
			t.Fatal(err)
		}
		if !raw {
			survives("cut", out)
		}
		captured := 0 // of some nothing is left to leak: it was lost, or cut off
		for n := range cases {
			if bytes.Contains(out, fmt.Appendf(nil, "%s%03d", secretMark, n+1)) {
				captured++
			}
		}
		if raw && captured < 600 {
			t.Errorf("only %d of %d secrets are in the capture", captured, len(cases))
		}
		if !bytes.Contains(out, []byte("$3\r\nGET\r\n$1\r\nk\r\n")) || !bytes.Contains(out, []byte("+PONG")) {
			t.Errorf("raw %v: what is no secret is not in the cut", raw)
		}
	}
}
