package resp_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// wire is one connection of a capture: the segments of each direction in sequence order.
type wire struct {
	port     uint16 // of the client
	segments [2][][]byte
	next     [2]uint32
	early    [2]map[uint32][]byte
}

// connections reads a classic pcap of Ethernet frames in the plainest way: what these captures hold, and no more.
func connections(t *testing.T, name string) []*wire {
	t.Helper()
	b, err := os.ReadFile(testcap.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	var all []*wire
	open := map[string]*wire{}
	for b = b[24:]; len(b) >= 16; {
		n := le.Uint32(b[8:])
		p := b[16 : 16+n]
		b = b[16+n:]
		var tcp []byte
		var src, dst string
		switch ip := p[14:]; binary.BigEndian.Uint16(p[12:]) {
		case 0x0800:
			src, dst = string(ip[12:16]), string(ip[16:20])
			tcp = ip[int(ip[0]&15)*4 : binary.BigEndian.Uint16(ip[2:])]
		case 0x86dd:
			src, dst = string(ip[8:24]), string(ip[24:40])
			tcp = ip[40 : 40+int(binary.BigEndian.Uint16(ip[4:]))]
			if ip[6] != 6 {
				continue
			}
		default:
			continue
		}
		src, dst = src+string(tcp[0:2]), dst+string(tcp[2:4])
		seq, flags := binary.BigEndian.Uint32(tcp[4:]), tcp[13]
		payload := tcp[int(tcp[12]>>4)*4:]
		if flags&2 != 0 {
			if flags&16 == 0 {
				w := &wire{port: binary.BigEndian.Uint16(tcp), early: [2]map[uint32][]byte{{}, {}}}
				w.next[0] = seq + 1
				open[src+dst] = w
				all = append(all, w)
			} else if w := open[dst+src]; w != nil {
				w.next[1] = seq + 1
			}
			continue
		}
		side, w := 0, open[src+dst]
		if w == nil {
			side, w = 1, open[dst+src]
		}
		if w == nil || len(payload) == 0 {
			continue
		}
		if int32(seq-w.next[side]) >= 0 {
			w.early[side][seq] = payload
		}
		for {
			p, ok := w.early[side][w.next[side]]
			if !ok {
				break
			}
			delete(w.early[side], w.next[side])
			w.segments[side] = append(w.segments[side], p)
			w.next[side] += uint32(len(p))
		}
	}
	return all
}

// exceptions are the connections on which more stands on the wire than the client read or called a reply: replies and
// pushes.
var exceptions = map[string][2]int{
	"resp3 tracking":                {161, 120}, // six invalidations behind the last read
	"resp2 invalidation subscriber": {12, 0},    // ten messages, arrays in RESP2
	"half close":                    {2, 0},     // not read
	"abandon, proper":               {1, 0},     // not read
}

// TestCapturedReplies decodes real conversations, whose clients checked and counted each reply.
func TestCapturedReplies(t *testing.T) {
	for _, name := range []string{"04_resp3", "04_multi", "04_large", "04_binary", "04_tracking", "04_reply", "04_auth", "04_misc"} {
		t.Run(name, func(t *testing.T) {
			var truth struct {
				Connections []struct {
					Port    uint16 `json:"lport"`
					Name    string `json:"name"`
					Replies int    `json:"replies"`
					Pushes  int    `json:"pushes"`
				} `json:"connections"`
			}
			b, err := os.ReadFile(testcap.Path(t, name+".truth.json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &truth); err != nil {
				t.Fatal(err)
			}
			byPort := map[uint16]*wire{}
			for _, w := range connections(t, name+".pcap") {
				byPort[w.port] = w
			}
			for _, c := range truth.Connections {
				w := byPort[c.Port]
				if w == nil {
					t.Errorf("%s: no connection from port %d", c.Name, c.Port)
					continue
				}
				var d resp.ReplyDecoder
				var rep resp.Reply
				replies, pushes := 0, 0
				wantReplies, wantPushes := c.Replies, c.Pushes
				if x, ok := exceptions[c.Name]; ok {
					wantReplies, wantPushes = x[0], x[1]
				}
				for _, p := range w.segments[1] {
					d.Feed(p, 0)
					for {
						err := d.Next(&rep)
						if err == resp.ErrShort {
							break
						}
						if err != nil || rep.LostBefore != 0 || rep.Resynced || rep.OddLine {
							t.Fatalf("%s: %v %+v", c.Name, err, rep)
						}
						if rep.Kind == resp.Push || rep.Attr {
							pushes++ // the clients counted attributes as pushes too
						}
						if rep.Kind != resp.Push {
							replies++
						}
					}
				}
				if replies != wantReplies || pushes != wantPushes {
					t.Errorf("%s: %d replies and %d pushes, want %d and %d", c.Name, replies, pushes, wantReplies, wantPushes)
				}
				if _, ok := d.Partial(); ok {
					t.Errorf("%s: a reply is left open", c.Name)
				}
			}
		})
	}
}

// TestCapturedPairsAreAllowed pairs replies with requests in order on healthy connections: no pair may contradict the
// table.
func TestCapturedPairsAreAllowed(t *testing.T) {
	pairs, unknown := 0, map[string]int{}
	for _, name := range []string{
		"04_multi", "04_large", "04_binary", "04_resp3", "04_auth", "04_ioredis", "04_goredis_pipeline", "04_cluster_moved_cli", "04_inline_nc",
		"01f_jedis262_timeouts_only", "02d_redispy455_asyncio_fixed", "04_sentinel",
	} {
		for _, w := range connections(t, name+".pcap") {
			var rd resp.RequestDecoder
			var pd resp.ReplyDecoder
			var req resp.Request
			var rep resp.Reply
			var calls []commands.Call
			var lines []string
			simple := true
			for _, p := range w.segments[0] {
				rd.Feed(p, 0)
				for err := rd.Next(&req); err != resp.ErrShort; err = rd.Next(&req) {
					if err != nil {
						break
					}
					if len(calls) == 0 && req.NArgs == 1 && len(req.Name()) > 20 {
						simple = false
					}
					cmd := commands.Lookup(&req)
					if cmd == nil {
						unknown[string(req.Name())]++
					}
					if cmd.Is(commands.ManyReplies) || cmd != nil && (cmd.Name == "CLIENT|REPLY" || cmd.Name == "REPLCONF") {
						simple = false
					}
					calls = append(calls, commands.Summarise(&req))
					lines = append(lines, fmt.Sprintf("%s of %d arguments", req.Name(), req.NArgs))
				}
			}
			if !simple {
				continue
			}
			i := 0
			for _, p := range w.segments[1] {
				pd.Feed(p, 0)
				for err := pd.Next(&rep); err != resp.ErrShort; err = pd.Next(&rep) {
					if err != nil {
						t.Fatalf("%s port %d: %v", name, w.port, err)
					}
					if rep.Kind == resp.Push || i >= len(calls) {
						continue
					}
					queued := rep.Kind == resp.Simple && string(rep.Text) == "QUEUED"
					protocol := rep.Kind == resp.Error && strings.HasPrefix(string(rep.Text), "ERR Protocol error")
					if ok, why := calls[i].Allows(&rep); !ok && !queued && !protocol {
						t.Errorf("%s port %d: %s\n<- %+v\n%s", name, w.port, lines[i], rep, why)
					}
					i++
					pairs++
				}
			}
		}
	}
	t.Logf("%d pairs, unknown commands %v", pairs, unknown)
	if pairs < 20000 {
		t.Errorf("only %d pairs", pairs)
	}
}
