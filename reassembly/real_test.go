package reassembly

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

func TestRealConnections(t *testing.T) {
	for _, c := range []struct {
		name string
		want map[string]int
	}{
		{"seed1_article.pcap", map[string]int{"mid-stream RST": 1, "mid-stream open": 1}},
		{"seed1_article_sorted.pcap", map[string]int{"mid-stream RST": 1, "mid-stream open": 1}},
		{"01a_small.pcap", map[string]int{"SYN RST": 17}},
		{"04_large.pcap", map[string]int{"SYN FIN": 1}},
		{"04_goredis_pipeline.pcap", map[string]int{"SYN FIN": 6}},
		{"02d_redispy455_asyncio_fixed.pcap", map[string]int{"SYN FIN": 8, "SYN RST": 324}},
		{"03a_jedispool_leak_4s.pcap", map[string]int{"SYN RST": 154}},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets := readPcap(t, testcap.Path(t, c.name))
			conns, st := assemble(t, packets, Options{})
			got := map[string]int{}
			for _, s := range conns {
				start := [...]string{"mid-stream", "SYN", "SYN-ACK"}[s.Conn.Start]
				end := [...]string{"", "FIN", "RST", "reused", "evicted", "open"}[s.End]
				got[start+" "+end]++
			}
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if st.Packets != int64(len(packets)) || st.Segments != st.Packets || st.LostBytes+st.Holes+st.AfterEnd != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// The article's listing has frames out of time order; sorted it is the same traffic.
func TestOrderOfFile(t *testing.T) {
	a, _ := assemble(t, readPcap(t, testcap.Path(t, "seed1_article.pcap")), Options{})
	b, _ := assemble(t, readPcap(t, testcap.Path(t, "seed1_article_sorted.pcap")), Options{})
	if len(a) != len(b) {
		t.Fatalf("%d and %d connections", len(a), len(b))
	}
	byEnds := func(x, y *stream) int { return strings.Compare(x.Conn.Ends[A].String(), y.Conn.Ends[A].String()) }
	slices.SortFunc(a, byEnds)
	slices.SortFunc(b, byEnds)
	for i := range a {
		if a[i].Conn.Ends != b[i].Conn.Ends || !slices.EqualFunc(a[i].Bytes[:], b[i].Bytes[:], bytes.Equal) {
			t.Errorf("%v: streams differ", a[i].Conn.Ends)
		}
	}
}

func TestStreamsAsTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, name := range []string{
		"01a_small.pcap", "04_large.pcap", "04_goredis_pipeline.pcap", "02d_redispy455_asyncio_fixed.pcap",
	} {
		t.Run(name, func(t *testing.T) {
			path := testcap.Path(t, name)
			conns, _ := assemble(t, readPcap(t, path), Options{})
			args := []string{"-q", "-r", path}
			ours := map[string]string{}
			for _, s := range conns {
				n := fmt.Sprint(s.Conn.ID - 1)
				args = append(args, "-z", "follow,tcp,raw,"+n)
				for side := range s.Bytes {
					ours[n+" "+s.Conn.Ends[side].String()] = hex.EncodeToString(s.Bytes[side])
				}
			}
			out, err := exec.Command(tshark, args...).Output()
			if err != nil {
				t.Fatal(err)
			}
			theirs := followed(t, out)
			if len(theirs) != len(ours) {
				t.Errorf("%d streams, tshark has %d", len(ours), len(theirs))
			}
			for _, k := range slices.Sorted(maps.Keys(theirs)) {
				if ours[k] != theirs[k] {
					t.Errorf("%s: %d bytes, tshark has %d", k, len(ours[k])/2, len(theirs[k])/2)
				}
			}
		})
	}
}

// followed reads what tshark -z follow,tcp,raw prints: for each stream and sender the bytes in hex.
func followed(t *testing.T, out []byte) map[string]string {
	streams := map[string]*strings.Builder{}
	var number string
	var nodes [2]string
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "Filter: tcp.stream eq "):
			number = strings.TrimPrefix(line, "Filter: tcp.stream eq ")
		case strings.HasPrefix(line, "Node "):
			i := int(line[5] - '0')
			nodes[i] = number + " " + line[len("Node 0: "):]
			streams[nodes[i]] = new(strings.Builder)
		case strings.HasPrefix(line, "\t"):
			streams[nodes[1]].WriteString(line[1:])
		case line != "" && strings.Trim(line, "0123456789abcdef") == "":
			streams[nodes[0]].WriteString(line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for k, b := range streams {
		all[k] = b.String()
	}
	return all
}

// Real traffic out of order by less than the window, and every packet captured twice, is the same traffic.
func TestRealDisorder(t *testing.T) {
	for _, name := range []string{"01a_small.pcap", "04_goredis_pipeline.pcap", "04_large.pcap", "02d_redispy455_asyncio_fixed.pcap"} {
		t.Run(name, func(t *testing.T) {
			packets := readPcap(t, testcap.Path(t, name))
			want, _ := assemble(t, packets, Options{})
			r := rand.New(rand.NewPCG(5, 5))
			at := make([]capture.Time, len(packets))
			shuffled := make([]capture.Packet, 0, 2*len(packets))
			for i := range packets {
				at[i] = packets[i].Time + capture.Time(r.Int64N(45e6))
			}
			order := make([]int, len(packets))
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(at[i], at[j]) })
			for _, i := range order {
				shuffled = append(shuffled, packets[i], packets[i])
			}
			got, st := assemble(t, shuffled, Options{})
			byEnds := func(x, y *stream) int {
				return cmp.Or(strings.Compare(x.Conn.Ends[A].String(), y.Conn.Ends[A].String()), cmp.Compare(x.Conn.ID, y.Conn.ID))
			}
			slices.SortFunc(want, byEnds)
			slices.SortFunc(got, byEnds)
			if len(got) != len(want) || st.LostBytes > 0 || st.Duplicates < int64(len(packets)*9/10) {
				t.Errorf("%d connections, want %d; %+v", len(got), len(want), st)
			}
			for i := range min(len(got), len(want)) {
				if got[i].Conn.Ends != want[i].Conn.Ends || !slices.EqualFunc(got[i].Bytes[:], want[i].Bytes[:], bytes.Equal) {
					t.Errorf("%v: streams differ", want[i].Conn.Ends)
				}
			}
		})
	}
}
