package analysis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// traps are conversations on which analysers that count replies, or look at their text, go wrong. A row of want is a
// command and the reply that serves it, "-" for none; the rest are pushes and oddities.
var traps = []struct {
	name, talk string
	want       []string
}{
	{"CLIENT subcommands that are not REPLY", `
c > CLIENT SETNAME skip => +OK
c > CLIENT NO-EVICT off => +OK
c > CLIENT TRACKING off => +OK
c > GET a => $A`,
		[]string{"CLIENT SETNAME +OK", "CLIENT NO-EVICT +OK", "CLIENT TRACKING +OK", "GET $A"}},
	{"CLIENT REPLY", `
c > CLIENT REPLY skip | SET a 1 | GET a => $1
c > CLIENT REPLY OFF | SET b 2 | CLIENT REPLY ON | GET b => +OK | $2`,
		[]string{"CLIENT REPLY -", "SET -", "GET $1", "CLIENT REPLY -", "SET -", "CLIENT REPLY +OK", "GET $2"}},
	{"SUBSCRIBE a b c", `
c > SUBSCRIBE a b c => [ $subscribe $a :1 ] | [ $subscribe $b :2 ] | [ $subscribe $c :3 ]
c < [ $message $a $get ]
c > PING => [ $pong $"" ]
c > UNSUBSCRIBE => [ $unsubscribe $a :2 ] | [ $unsubscribe $b :1 ] | [ $unsubscribe $c :0 ]
c > PING => +PONG
c > UNSUBSCRIBE => [ $unsubscribe nil :0 ]
c > GET a => $A`,
		[]string{"SUBSCRIBE *3", "push", "PING *2", "UNSUBSCRIBE *3", "PING +PONG", "UNSUBSCRIBE *3", "GET $A"}},
	{"SUBSCRIBE refused, with a command behind it", `
c > SUBSCRIBE a b | GET k => -NOPERM No permissions to access a channel | $K
c > GET k => $K`,
		[]string{"SUBSCRIBE -NOPERM", "GET $K", "GET $K"}},
	{"confirmations in spite of CLIENT REPLY", `
c > CLIENT REPLY SKIP | SUBSCRIBE a | PING
c < [ $subscribe $a :1 ] | [ $pong $"" ]`,
		[]string{"CLIENT REPLY -", "SUBSCRIBE -", "PING *2", "push"}},
	{"RESP3 from EXEC on", `
c > MULTI | HELLO 3 | EXEC => +OK | +QUEUED | [ %{ $server $redis $proto :3 } ]
c > SUBSCRIBE a => >[ $subscribe $a :1 ]
c > LRANGE l 0 -1 => [ $message $a $b ]`,
		[]string{"MULTI +OK", "HELLO +QUEUED 1:map", "EXEC *1", "SUBSCRIBE >3", "LRANGE *3"}},
	{"replies cut by the snapshot length", `
c > GET a => $A
c > FCALL f 0 => +a-status-of-more-than-thirty-bytes
c > GET d => $D
c > FCALL f 0 => +a-status-of-more-than-thirty-bytes
+1ms c > PING => +PONG
damage snap 96`,
		[]string{"GET $A", "FCALL +", "GET $D", "FCALL +", "PING +PONG"}},
	{"of two replies in a cut segment nobody knows where the first ends", `
c > GET a => $A
c > FCALL f 0
+1ms c > PING
c < +a-status-of-more-than-thirty-bytes | +PONG
c > GET d => $D
damage snap 96`,
		[]string{"GET $A", "FCALL -", "PING -", "GET $D"}},
	{"RESP3 confirmations are pushes", `
c > HELLO 3 => %{ $server $redis $proto :3 }
c > SUBSCRIBE a b | GET k => >[ $subscribe $a :1 ] | >[ $subscribe $b :2 ] | $K
c < >[ $message $a $hi ]
c > UNSUBSCRIBE | GET k => >[ $unsubscribe $a :1 ] | >[ $unsubscribe $b :0 ] | $K`,
		[]string{"HELLO %2", "SUBSCRIBE >3", "GET $K", "push", "UNSUBSCRIBE >3", "GET $K"}},
	{"the server ends a shard subscription", `
c > SSUBSCRIBE s => [ $ssubscribe $s :1 ]
+5ms c < [ $sunsubscribe $s :0 ]
c > GET a => $A`,
		[]string{"SSUBSCRIBE *3", "push", "GET $A"}},
	{"second MONITOR", `
c > MONITOR => +OK
c < +1339518083.107412 [0 127.0.0.1:60866] "get" "a"
c > MONITOR
c < +1339518083.207412 [0 127.0.0.1:60866] "get" "b"
c > PING => +PONG
c > QUIT => +OK`,
		[]string{"MONITOR +OK", "push", "MONITOR -", "push", "PING +PONG", "QUIT +OK"}},
	{"an array that begins with get", `
c > COMMAND INFO get => [ [ $get :2 ] ]
c > LRANGE l 0 -1 => [ $get $key ]
c > LRANGE l 0 -1 => [ $subscribe $a :1 ]
c > EVAL x 0 => [ $message $a $b ]
c > GET a => $A`,
		[]string{"COMMAND INFO *1", "LRANGE *2", "LRANGE *3", "EVAL *3", "GET $A"}},
	{"RESP inside values", `
c > GET a => $"+OK\r\n:1\r\n*1\r\n$4\r\nPING\r\n"
c > SET b "*1\r\n$4\r\nPING\r\n" => +OK
c > GET c => $C`,
		[]string{`GET $+OK\r\n:1\r\n*1\r\n$4\r\nPING\r\n`, "SET +OK", "GET $C"}},
	{"too many clients, before the first command", `
c < -ERR max number of clients reached
c < FIN
+5ms c > GET a`,
		[]string{"at accept", "GET -"}},
	{"too many clients, the first command on its way", `
c > GET a
+50us c < -ERR max number of clients reached
c < FIN`,
		[]string{"GET -", "at accept"}},
	{"three GETs in one segment", `
c > GET a | GET b | GET c => $1 | $2 | $3`,
		[]string{"GET $1", "GET $2", "GET $3"}},
	{"HELLO and SETINFO in one segment", `
c > HELLO 3 | CLIENT SETNAME x | CLIENT SETINFO LIB-NAME y | CLIENT SETINFO LIB-VER 1 | GET a
c < %{ $server $redis $proto :3 } | +OK | -ERR unknown subcommand 'SETINFO'. Try CLIENT HELP. | -ERR unknown subcommand 'SETINFO'. Try CLIENT HELP. | $A`,
		[]string{"HELLO %2", "CLIENT SETNAME +OK", "CLIENT SETINFO -ERR", "CLIENT SETINFO -ERR", "GET $A"}},
	{"unknown commands in a pipeline", `
c > FT.SEARCH i q | NOSUCH a | GET a => [ :0 ] | -ERR unknown command 'NOSUCH', with args beginning with: 'a' | $A`,
		[]string{"FT.SEARCH *1", "NOSUCH -ERR", "GET $A"}},
	{"a transaction, in steps and at once", `
c > MULTI => +OK
c > SET a 1 => +QUEUED
c > BLPOP q 0 => +QUEUED
c > EXEC => [ +OK nil* ]
c > MULTI | GET a | EXEC | GET b => +OK | +QUEUED | [ $1 ] | $2
c > MULTI | NOSUCH | EXEC => +OK | -ERR unknown command 'NOSUCH', with args beginning with: | -EXECABORT Transaction discarded because of previous errors.
c > WATCH a => +OK
c > MULTI | GET a | DISCARD | GET a => +OK | +QUEUED | +OK | $1`,
		[]string{
			"MULTI +OK", "SET +QUEUED 1:simple", "BLPOP +QUEUED 2:null", "EXEC *2", "MULTI +OK", "GET +QUEUED 1:bulk", "EXEC *1", "GET $2",
			"MULTI +OK", "NOSUCH -ERR", "EXEC -EXECABORT", "WATCH +OK", "MULTI +OK", "GET +QUEUED", "DISCARD +OK", "GET $1",
		}},
	{"CLIENT REPLY OFF in a transaction counts from EXEC on", `
c > MULTI | CLIENT REPLY OFF | EXEC
c < +OK | +QUEUED | raw "*1\r\n"
+300ms c > GET a
+300ms c > CLIENT REPLY ON => +OK
c > GET b => $B`,
		[]string{"MULTI +OK", "CLIENT REPLY +QUEUED", "EXEC *1", "GET -", "CLIENT REPLY +OK", "short", "GET $B"}},
	{"RESET", `
c > HELLO 3 => %{ $server $redis $proto :3 }
c > MULTI | SET a 1 | RESET | GET a => +OK | +QUEUED | +RESET | $A
c > CLIENT REPLY OFF
c > RESET => +RESET
c > GET a => $A`,
		[]string{"HELLO %2", "MULTI +OK", "SET +QUEUED", "RESET +RESET", "GET $A", "CLIENT REPLY -", "RESET +RESET", "GET $A"}},
	{"behind QUIT nothing is answered", `
c > PING | QUIT | GET a | PING => +PONG | +OK
c < FIN`,
		[]string{"PING +PONG", "QUIT +OK", "GET -", "PING -"}},
	{"protocol error", `
c > PING => +PONG
c > raw "*1\r\n:x\r\n" | GET a
c < -ERR Protocol error: expected '$', got ':'
c < FIN`,
		[]string{"PING +PONG", "bad request", "GET -", "protocol error"}},
	{"blank lines and inline commands", `
c > raw "\r\n" | inline PING | raw "*0\r\n" | inline "SET a 1"
c < +PONG | +OK`,
		[]string{"PING +PONG", "SET +OK"}},
	{"invalidations of a tracking client", `
c > HELLO 3 => %{ $server $redis $proto :3 }
c > CLIENT TRACKING ON => +OK
c > GET a
c < >[ $invalidate [ $a ] ] | $A
c > GET b => $B`,
		[]string{"HELLO %2", "CLIENT TRACKING +OK", "GET $A", "push", "GET $B"}},
	{"replication", `
c > PING => +PONG
c > REPLCONF listening-port 6380 => +OK
c > PSYNC ? -1 => +FULLRESYNC 8371445ee67cf9c1c3a1ab1f7f4a7d3fb2a0a1d5 0
c < raw "$4\r\nREDI"
c < raw "*1\r\n$4\r\nPING\r\n"
c > REPLCONF ACK 0
+1s c > REPLCONF ACK 14`,
		[]string{"PING +PONG", "REPLCONF +OK", "PSYNC +FULLRESYNC"}},
}

// TestTraps plays the traps.
func TestTraps(t *testing.T) {
	for _, trap := range traps {
		t.Run(trap.name, func(t *testing.T) {
			src := "host app 10.0.0.1\nhost redis 10.0.0.2\nconn c app:40000 -> redis:6379\n" + trap.talk
			s, err := scenario.Parse("trap", []byte(src))
			if err != nil {
				t.Fatal(err)
			}
			served := map[int]string{}
			var rows []string
			for e, err := range analysis.NewRun(nil).Events(reassembly.New(reassembly.Options{}).Segments(s.Packets())) {
				if err != nil {
					t.Fatal(err)
				}
				switch e := e.(type) {
				case *analysis.Sent:
					rows = append(rows, fmt.Sprintf("#%d", e.Exchange.Index))
				case *pairing.Exchange:
					served[e.Index] = describe(e)
				case *pairing.Alignment:
					rows = append(rows, "alignment")
				case *pairing.Oddity:
					if word := oddities[e.What]; word != "" {
						rows = append(rows, word)
					} else {
						rows = append(rows, fmt.Sprintf("oddity %d", e.What))
					}
				}
			}
			for i, row := range rows {
				var n int
				if _, err := fmt.Sscanf(row, "#%d", &n); err == nil {
					rows[i] = served[n]
				}
			}
			if strings.Contains(trap.talk, "PSYNC") {
				rows = rows[:len(trap.want)] // what follows is no exchange
			}
			if !slices.Equal(rows, trap.want) {
				t.Errorf("got  %q\nwant %q", rows, trap.want)
			}
		})
	}
}

var oddities = map[pairing.OddityKind]string{
	pairing.PushMessage: "push", pairing.AtAccept: "at accept", pairing.BadRequest: "bad request", pairing.ProtocolError: "protocol error",
	pairing.ShortReply: "short",
}

// describe is an exchange as the traps write it.
func describe(ex *pairing.Exchange) string {
	text := ex.CommandName() + " "
	if !ex.Served {
		return text + "-"
	}
	in := &ex.Serves
	switch in.Kind {
	case resp.Simple:
		word, _, _ := strings.Cut(string(in.Text.Raw()), " ")
		text += "+" + word
	case resp.Error:
		text += "-" + resp.ErrorClass(in.Text.Raw())
	case resp.Bulk:
		text += "$" + resp.TextOf(in.Text.Raw()).String()
	default:
		text += fmt.Sprintf("%s%d", map[resp.Kind]string{resp.Array: "*", resp.Map: "%", resp.Push: ">", resp.Integer: ":"}[in.Kind], in.N)
	}
	if ex.Exec.Element > 0 {
		text += fmt.Sprintf(" %d:%s", ex.Exec.Element, ex.Exec.Kind)
	}
	return text
}
