package analysis_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// tally is what one connection carried.
type tally struct {
	commands, due, served, refused, pushes, strange, contradictions int
}

// count runs a capture and counts by client port.
func count(tb testing.TB, name string) map[uint16]*tally {
	tb.Helper()
	all := map[uint16]*tally{}
	of := func(s *analysis.Session) *tally {
		t := all[s.Client.Port()]
		if t == nil {
			t = &tally{}
			all[s.Client.Port()] = t
		}
		return t
	}
	segments := reassembly.New(reassembly.Options{}).Segments(replay(testcap.Packets(tb, name)))
	for e, err := range analysis.NewRun(nil).Events(segments) {
		if err != nil {
			tb.Fatal(err)
		}
		switch e := e.(type) {
		case *analysis.Opened:
			of(e.Session)
		case *pairing.Exchange:
			t := of(analysis.SessionOf(e.Session))
			t.commands++
			if e.Flags&pairing.NoReplyDue == 0 {
				t.due++
			}
			if e.Served {
				t.served++
			}
			if e.Session.Kind != pairing.Replication && e.Flags&(pairing.Uncertain|pairing.LeftOut) != 0 {
				tb.Errorf("%s: command %d of %s is uncertain or left out", name, e.Index, e.Session.Client)
			}
		case *analysis.Answered:
			if e.Contradiction != "" {
				of(e.Session).contradictions++
			}
		case *pairing.Alignment:
			of(analysis.SessionOf(e.Session)).contradictions++
		case *pairing.Oddity:
			switch e.What {
			case pairing.PushMessage:
				of(analysis.SessionOf(e.Session)).pushes++
			case pairing.ProtocolError:
				of(analysis.SessionOf(e.Session)).refused++
			case pairing.BadRequest:
			default:
				of(analysis.SessionOf(e.Session)).strange++
			}
		}
	}
	return all
}

// TestEverythingAccountedFor compares what the captures of healthy clients carry with what those clients counted.
func TestEverythingAccountedFor(t *testing.T) {
	for _, name := range []string{"auth", "binary", "large", "misc", "monitor", "multi", "pubsub", "reply", "resp3", "tracking"} {
		t.Run(name, func(t *testing.T) {
			got := count(t, "04_"+name+".pcap")
			b, err := os.ReadFile(testcap.Path(t, "04_"+name+".truth.json"))
			if err != nil {
				t.Fatal(err)
			}
			var truth struct {
				Connections []struct {
					Lport           uint16
					Name            string
					Requests        int `json:"requests_expecting_reply"`
					Replies, Pushes int
				}
			}
			if err := json.Unmarshal(b, &truth); err != nil {
				t.Fatal(err)
			}
			for _, c := range truth.Connections {
				g := got[c.Lport]
				if g == nil {
					t.Errorf("%s: connection not seen", c.Name)
					continue
				}
				requests, replies, pushes := c.Requests, c.Replies, c.Pushes
				switch c.Name {
				case "half close", "abandon, proper":
					replies = requests // answered on the wire, after the client had gone
				case "pipelined after QUIT":
					requests = 2 // the two behind QUIT are due none
				case "sub":
					pushes = 49 // "messages received"; the client counted no pushes in RESP2
				case "resp3 sub":
					pushes = 1 // its other two confirm SUBSCRIBE
				case "resp3 types":
					pushes = 1 // its other one is an attribute
				case "resp3 tracking":
					pushes = 120 // it left before it had read the last six
				}
				if n := g.due + g.refused; n != requests {
					t.Errorf("%s: %d requests are due a reply, the client counted %d", c.Name, n, requests)
				}
				if n := g.served + g.refused; n != replies {
					t.Errorf("%s: %d replies, the client counted %d", c.Name, n, replies)
				}
				if g.pushes != pushes {
					t.Errorf("%s: %d pushes, the client counted %d", c.Name, g.pushes, pushes)
				}
				if g.strange+g.contradictions > 0 {
					t.Errorf("%s: %+v", c.Name, *g)
				}
			}
		})
	}
}

// TestEveryCommandAnswered holds the captures whose clients only noted that all was well against just that.
func TestEveryCommandAnswered(t *testing.T) {
	for name, want := range map[string]tally{
		"cluster_moved_cli": {},
		"goredis_pipeline":  {},
		"inline_nc":         {refused: 1},
		"ioredis":           {},
		"replication_psync": {},
		"sentinel":          {},
	} {
		var sum tally
		for port, g := range count(t, "04_"+name+".pcap") {
			if g.due != g.served {
				t.Errorf("%s: port %d: %d of %d commands answered", name, port, g.served, g.due)
			}
			sum.commands += g.commands
			sum.refused += g.refused
			sum.strange += g.strange
			sum.contradictions += g.contradictions
		}
		if sum.refused != want.refused || sum.strange != 0 || sum.contradictions != 0 || sum.commands == 0 {
			t.Errorf("%s: %+v", name, sum)
		}
	}
}
