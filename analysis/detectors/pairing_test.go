package detectors_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
)

// captured runs every rule over a real capture.
func captured(tb testing.TB, name string, o analysis.Options) result {
	tb.Helper()
	src, err := capture.Open([]string{testcap.Path(tb, name)}, capture.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	return inspect(tb, src.Packets(), o)
}

// TestPhantomMoved finds the redirects that the clients of 01a logged although their node owned the key: those
// and no others.
func TestPhantomMoved(t *testing.T) {
	for _, name := range []string{"01a_small", "01a_jedis262_buggy_T300"} {
		b, err := os.ReadFile(testcap.Path(t, name+".truth.json"))
		if err != nil {
			t.Fatal(err)
		}
		var truth struct {
			Phantoms []struct {
				Lport uint16
				Index int `json:"cmd_idx"`
				Cmd   string
				Slot  *int `json:"key_slot"`
				Reply string
			} `json:"case_c_phantom_moved"`
		}
		if err := json.Unmarshal(b, &truth); err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, p := range truth.Phantoms {
			if p.Slot != nil && !strings.HasPrefix(p.Reply, fmt.Sprintf("MOVED %d ", *p.Slot)) {
				want = append(want, fmt.Sprintf("%d #%d %s", p.Lport, p.Index, p.Cmd))
			}
		}
		for _, f := range captured(t, name+".pcap", analysis.Options{MaxExamples: 1000}).findings {
			if f.Rule != "RS106" {
				continue
			}
			for _, e := range f.Examples {
				v := e.Victims[0]
				got = append(got, fmt.Sprintf("%d #%d %s %s", e.Client.Port(), v.Index, v.Command, v.Key))
				if !strings.Contains(e.Facts[0], "is not the slot of that key") {
					t.Errorf("%s: %q", name, e.Facts[0])
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: RS106 of\n%s\nthe clients say\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestHealthyServers demands silence of everything about replies on captures whose clients checked every reply.
func TestHealthyServers(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(testcap.Path(t, "04_misc.pcap")), "04_*.pcap"))
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	for _, f := range append(files, "01c_jedis262_fixed_T300.pcap", "01f_jedis262_timeouts_only.pcap", "02d_redispy455_asyncio_fixed.pcap",
		"07b_hiredis_reconnect.pcap", "lab_h1.pcap") {
		for _, x := range captured(t, filepath.Base(f), analysis.Options{}).findings {
			if x.Rule < "RS200" && x.Severity >= incident.Medium || x.Rule >= "RS403" && x.Rule < "RS900" && x.Rule != "RS405" {
				t.Errorf("%s: %s %s %s: %s", filepath.Base(f), x.Rule, x.Severity, x.Confidence, x.Title)
			}
		}
	}
}

// TestSwallowedAuth is the laboratory's run of failing AUTHs against Redis 7.2.6: three are swallowed, the transactions
// come out short, and nothing is reported of the connection where AUTH stood first.
func TestSwallowedAuth(t *testing.T) {
	r := captured(t, "lab_a1.pcap", analysis.Options{})
	counts := map[string]int{}
	for _, f := range r.findings {
		counts[f.Rule] += f.Count
	}
	if len(counts) != 2 || counts["RS406"] != 3 || counts["RS408"] != 3 {
		t.Errorf("found %v, want RS406 three times and RS408 three times", counts)
	}
	for _, c := range r.conns {
		first := c.ID == 1 || c.ID == 7 // AUTH first in its write; a push directly behind an array
		if first != (len(c.Findings) == 0) {
			t.Errorf("connection %d: %v", c.ID, c.Findings)
		}
	}
}

// TestNoise feeds random bytes in both directions: nothing may be reported above "possible".
func TestNoise(t *testing.T) {
	alphabets := []string{"", "*$+-:\r\n0123456789GETPING", "*1\r\n$3\r\nGET\r\n+OK\r\n-ERR x\r\n:1\r\n"}
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		alphabet := alphabets[seed%3]
		noise := func() string {
			b := make([]byte, 1+rnd.IntN(60))
			for i := range b {
				if b[i] = byte(rnd.Uint32()); alphabet != "" {
					b[i] = alphabet[rnd.IntN(len(alphabet))]
				}
			}
			return string(b)
		}
		var text strings.Builder
		text.WriteString("host app 10.0.0.1\nhost redis 10.0.0.2\nconn c app:40000 -> redis:6379\n")
		for range 40 {
			fmt.Fprintf(&text, "+%dus c > raw %q\n+%dus c < raw %q\n", rnd.IntN(200000), noise(), rnd.IntN(200000), noise())
		}
		s, err := scenario.Parse("noise", []byte(text.String()))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range inspect(t, s.Packets(), analysis.Options{}).findings {
			if f.Rule < "RS200" && f.Confidence > pairing.Possible || f.Rule >= "RS403" && f.Rule < "RS900" && f.Confidence > pairing.Possible {
				t.Errorf("seed %d: %s %s: %s", seed, f.Rule, f.Confidence, f.Examples[0].Facts)
			}
		}
	}
}

// FuzzSession feeds any bytes in both directions, cut into segments anywhere: no rule may fail, and what is kept must
// stay bounded.
func FuzzSession(f *testing.F) {
	f.Add([]byte("*1\r\n$4\r\nPING\r\n"), []byte("+PONG\r\n"), uint64(1))
	f.Add([]byte("*1\r\n$5\r\nMULTI\r\n*3\r\n$4\r\nAUTH\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nEXEC\r\n"), []byte("+OK\r\n+QUEUED\r\n*1\r\n"), uint64(2))
	f.Add([]byte("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), []byte("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n$1\r\nv\r\n"), uint64(3))
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$3\r\naaa\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"), []byte("-MOVED 1 h:1\r\n$1\r\nx\r\n:1\r\n"), uint64(4))
	f.Fuzz(func(t *testing.T, client, server []byte, seed uint64) {
		if n := len(client) + len(server); n == 0 || n > 1<<14 {
			return
		}
		rnd := rand.New(rand.NewPCG(seed, 1))
		var text strings.Builder
		text.WriteString("host app 10.0.0.1\nhost redis 10.0.0.2\nconn c app:40000 -> redis:6379\n")
		for len(client)+len(server) > 0 {
			side, from := "<", &server
			if len(server) == 0 || len(client) > 0 && rnd.IntN(2) == 0 {
				side, from = ">", &client
			}
			n := min(len(*from), 1+rnd.IntN(64))
			unseen := ""
			if rnd.IntN(16) == 0 {
				unseen = "unseen "
			}
			fmt.Fprintf(&text, "+%dus c %s%s raw %q\n", rnd.IntN(50000), unseen, side, (*from)[:n])
			*from = (*from)[n:]
		}
		s, err := scenario.Parse("fuzz", []byte(text.String()))
		if err != nil {
			t.Skip(err)
		}
		r := inspect(t, s.Packets(), analysis.Options{ReadTimeouts: map[netip.Addr]time.Duration{{}: 10 * time.Millisecond}})
		if len(r.conns) != 1 {
			t.Errorf("%d connections", len(r.conns))
		}
	})
}
