package scenario

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
)

const head = "conn c1 10.0.0.1:40001 -> 10.0.0.2:6379\n"

func TestErrorsCarryTheirLine(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"unknown statement", "frobnicate", "1: \"frobnicate\" is neither"},
		{"undeclared connection", "\n\n1.0 c9 > PING", "3: \"c9\" is not a connection"},
		{"declared twice", head + head, "2: connection c1 is declared twice"},
		{"mixed families", "conn c1 10.0.0.1:1 -> [::1]:2", "1: one end is IPv4"},
		{"unknown host", "conn c1 web:1 -> 10.0.0.2:2", "1: host \"web\" is not declared"},
		{"bad option", "conn c1 10.0.0.1:1 -> 10.0.0.2:2 speed=3", "1: unknown option"},
		{"bad port", "conn c1 10.0.0.1:1 -> 10.0.0.2:70000", "1: "},
		{"open quote", head + `c1 > GET "a`, "2: a quote is not closed"},
		{"bad escape", head + `c1 > GET "\q"`, "2: "},
		{"bad reply", head + "c1 < OK", "2: \"OK\" is no reply"},
		{"open bracket", head + "c1 < [ $a", "2: a bracket is not closed"},
		{"odd map", head + "c1 < %{ $a }", "2: a map has a key without a value"},
		{"bar in brackets", head + "c1 < [ $a | $b ]", "2: | inside brackets"},
		{"nothing beside a bar", head + "c1 > GET a |", "2: nothing stands beside"},
		{"nothing sent", head + "c1 >", "2: c1 > what"},
		{"unknown modifier", head + "c1 quick > PING", "2: unknown modifier"},
		{"part outside", head + "c1 part=0..99 > PING", "2: part=0..99 of 14 bytes"},
		{"huge filler", head + "c1 < $<99999999999>", "2: "},
		{"closing brace", "}", "1: } without a block"},
		{"open block", head + "repeat 3 {\nc1 > PING", "3: a block is not closed"},
		{"bad repeat", head + "repeat 3 quickly { c1 > PING }", "2: repeat: quickly has no value"},
		{"bad want", head + "c1 > PING # want RS10", "2: want: \"RS10\" is not a rule"},
		{"bad want word", head + "c1 > PING # want RS101 surely", "2: want: unknown word"},
		{"want of an unknown connection", head + "c1 > PING # want RS101 conn=c7", "2: connection \"c7\""},
		{"belief of a command never sent", head + "c1 > PING\nbelieves c1 2 <- 1", "3: c1 has no such command"},
		{"bad allow", "allow 101", "1: \"101\" is not a rule"},
		{"reply to a FIN", head + "c1 > FIN => +OK", "2: => needs a request"},
		{"server SYN", head + "c1 < SYN", "2: the client sends the SYN"},
		{"bad time", head + "+5parsecs c1 > PING", "2: "},
		{"unknown damage", "damage earthquake", "1: damage \"earthquake\" is none of drop"},
		{"damage without its number", "damage snap", "1: damage snap n: n is missing"},
		{"damage beyond all", "damage drop 1.5", "1: damage drop p seed: \"1.5\" is no share"},
		{"bad vantage", "vantage moon", "1: vantage is client or server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x.txt", []byte(tt.src))
			var at *Error
			if !errors.As(err, &at) || !strings.HasPrefix(err.Error(), "x.txt:"+tt.want) {
				t.Fatalf("got %v, want x.txt:%s…", err, tt.want)
			}
		})
	}
}

func TestEncoding(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{`c1 > GET k1`, "*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n"},
		{`c1 > SET k "a\r\n\x00b c"`, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$7\r\na\r\n\x00b c\r\n"},
		{`c1 > SET k v<3>w`, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvabcw\r\n"},
		{`c1 > GET a | GET b`, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"},
		{`c1 > GET "|"`, "*2\r\n$3\r\nGET\r\n$1\r\n|\r\n"},
		{`c1 > inline SET a "b"`, "SET a b\r\n"},
		{`c1 > raw "*1\r\n" "$4\r\n"`, "*1\r\n$4\r\n"},
		{`c1 < +OK`, "+OK\r\n"},
		{`c1 < -MOVED 1 10.0.0.3:6379`, "-MOVED 1 10.0.0.3:6379\r\n"},
		{`c1 < -ERR a  b | $v`, "-ERR a b\r\n$1\r\nv\r\n"},
		{`c1 < nil | nil* | _`, "$-1\r\n*-1\r\n_\r\n"},
		{`c1 < $"" | :-5`, "$0\r\n\r\n:-5\r\n"},
		{`c1 < [ $a [ :1 nil ] +"x y" ]`, "*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+x y\r\n"},
		{`c1 < [ ]`, "*0\r\n"},
		{`c1 < %{ $a ~[ #t ] } | >[ $x ]`, "%1\r\n$1\r\na\r\n~1\r\n#t\r\n>1\r\n$1\r\nx\r\n"},
		{`c1 < |{ +k :1 } $v`, "|1\r\n+k\r\n:1\r\n$1\r\nv\r\n"},
		{`c1 < ,1.5 | (123 | =txt:hi | !"ERR x"`, ",1.5\r\n(123\r\n=6\r\ntxt:hi\r\n!5\r\nERR x\r\n"},
		{`c1 < raw "*2\r\n" | :1`, "*2\r\n:1\r\n"},
		{`c1 part=2..5 > PING`, "\r\n$"},
		{`c1 > GET {x}a # a hash tag`, "*2\r\n$3\r\nGET\r\n$4\r\n{x}a\r\n"},
	} {
		s := mustParse(t, head+tt.line)
		if got := string(s.actions[0].payload); got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.line, got, tt.want)
		}
	}
}

func TestRepeat(t *testing.T) {
	s := mustParse(t, `
2.0 repeat 3 every 10s as n {
    conn c{n} 10.0.0.1:{40000+n} -> 10.0.0.2:6379
    repeat 2 { c{n} > GET k{n}-{i+1} => $v }   # want RS101
    +1s c{n} > FIN
}
meanwhile { +5s c0 > ACK }
+1s c1 > ACK`)
	var got []string
	for _, a := range s.actions {
		if a.from == client {
			got = append(got, a.conn.name+" "+a.at.String())
		}
	}
	want := "c0 2s, c0 2.00035s, c0 3.0006s, c1 12s, c1 12.00035s, c1 13.0006s, c2 22s, c2 22.00035s, c2 23.0006s, c0 28.0006s, c1 24.0006s"
	if g := strings.Join(got, ", "); g != want {
		t.Errorf("got  %s\nwant %s", g, want)
	}
	if len(s.Wants) != 1 || s.Wants[0].Conn != "c0" || s.Wants[0].Command != 1 {
		t.Errorf("wants %+v: one was written", s.Wants)
	}
	if c, ok := s.Conn("c2"); !ok || c.Client.Port() != 40002 || c.Commands != 2 {
		t.Errorf("c2 is %+v", c)
	}
}

func TestExpectations(t *testing.T) {
	s := mustParse(t, head+`
allow RS210
read-timeout 10.0.0.1=50ms
policy 10.0.0.1=lockstep
option seed=4
# want RS901 max=2
c1 > PING => +PONG
1.0 c1 > GET a    # want RS101 strong count=1, RS103 min=2: because
c1 < $a
believes c1 2 <- 1 strong
believes c1 1 <- none
serves c1 2 <- 2`)
	want := []Want{
		{Rule: "RS901", Min: 1, Max: 2, Line: 7},
		{Rule: "RS101", Confidence: "strong", Min: 1, Max: 1, Conn: "c1", Command: 2, Time: s.Time(time.Second), Line: 9},
		{Rule: "RS103", Min: 2, Conn: "c1", Command: 2, Time: s.Time(time.Second), Line: 9},
	}
	if len(s.Wants) != len(want) {
		t.Fatalf("%d wants, want %d", len(s.Wants), len(want))
	}
	for i := range want {
		if s.Wants[i] != want[i] {
			t.Errorf("got  %+v\nwant %+v", s.Wants[i], want[i])
		}
	}
	if len(s.Believes) != 2 || s.Believes[0].Confidence != "strong" || s.Believes[1].Reply != 0 || len(s.Serves) != 1 {
		t.Errorf("believes %+v, serves %+v", s.Believes, s.Serves)
	}
	if s.Silent || s.Allow[0] != "RS210" || s.ReadTimeouts[0] != "10.0.0.1=50ms" || s.Options["seed"] != "4" || s.Policies[0] != "10.0.0.1=lockstep" {
		t.Errorf("header statements lost: %+v", s)
	}
	if !mustParse(t, "silent").Silent || !mustParse(t, "want nothing").Silent {
		t.Error("silent is not")
	}
}

// TestPackageExample keeps the example of the package comment right.
func TestPackageExample(t *testing.T) {
	src, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(src), "// those of any capture, what networks and captures do.\n//\n")
	text, _, more := strings.Cut(text, "//\n// # Time")
	if !ok || !more {
		t.Fatal("the example is not where it was")
	}
	s := mustParse(t, strings.ReplaceAll(strings.ReplaceAll(text, "//\t", ""), "//\n", "\n"))
	if len(s.Wants) != 1 || s.Wants[0].Command != 202 || len(s.Believes) != 1 || s.Conns[0].Commands != 202 {
		t.Errorf("wants %+v, believes %+v", s.Wants, s.Believes)
	}
}

func TestDamageStatement(t *testing.T) {
	plain := mustParse(t, head+"repeat 20 { c1 > GET k{i} => $v }").List()
	for _, form := range damageForms {
		args := strings.NewReplacer("p", "0.5", "n", "3", "d", "30ms", "seed", "1").Replace(form.args)
		if form.name == "bursts" {
			args = "0.5 3 1"
		}
		s := mustParse(t, "damage "+form.name+" "+args+"\n"+head+"repeat 20 { c1 > GET k{i} => $v }")
		var streamed []string
		for p := range s.Packets() {
			streamed = append(streamed, p.Time.Std().String()+string(p.Data))
		}
		var listed, before []string
		for _, p := range s.List() {
			listed = append(listed, p.Time.Std().String()+string(p.Data))
		}
		for _, p := range plain {
			before = append(before, p.Time.Std().String()+string(p.Data))
		}
		if !slices.Equal(streamed, listed) {
			t.Errorf("%s: Packets and List differ", form.name)
		}
		if slices.Equal(listed, before) && form.name != "coalesce" {
			t.Errorf("%s %s changes nothing", form.name, args)
		}
	}
	if p := mustParse(t, "damage sll2\n"+head+"c1 > PING").List()[0]; p.Link != capture.LinkSLL2 {
		t.Errorf("damage sll2 leaves link %d", p.Link)
	}
}

// FuzzParse looks for text that panics, hangs or grows.
func FuzzParse(f *testing.F) {
	f.Add(head + "repeat 3 every 1ms { c1 > GET k{i} => $v{i} }\nc1 split=3,4 > SET a <300> | GET a # want RS101 strong: x")
	f.Add(head + "c1 < %{ $a ~[ #t ] } | >[ [ ] ]\nmeanwhile {\nc1 lost > again 3\n}\n1.5 c1 > RST bare")
	for _, form := range damageForms {
		f.Add("damage " + form.name + " 3 2 1\n" + head + "c1 twice late=2ms > GET a => $b")
	}
	f.Fuzz(func(t *testing.T, src string) {
		s, err := parse("f", []byte(src), 500, 1<<16)
		if err != nil {
			return
		}
		n := 0
		for p := range s.Packets() {
			if _, ok := parseFrame(p); !ok && len(s.damages) == 0 {
				t.Fatalf("frame %d does not parse", p.Frame)
			}
			if n++; n > 2000 {
				break
			}
		}
	})
}
