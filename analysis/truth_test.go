package analysis

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// row is what a run says of one command.
type row struct {
	port    uint16
	conn    int64
	index   int
	command string
	key     string
	time    capture.Time
	belief  pairing.Belief
	served  bool
}

// play runs a capture through the analysis and returns the rows of all commands and connections.
func play(tb testing.TB, name string, set func(*Run)) (rows []row, conns []*ConnSummary, run *Run) {
	tb.Helper()
	src, err := capture.Open([]string{testcap.Path(tb, name)}, capture.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	run = NewRun(nil)
	run.KeepConns(bound.Evidence)
	if set != nil {
		set(run)
	}
	for e, err := range run.Events(reassembly.New(reassembly.Options{}).Segments(src.Packets())) {
		if err != nil {
			tb.Fatal(err)
		}
		if ex, ok := e.(*pairing.Exchange); ok {
			rows = append(rows, row{ex.Session.Client.Port(), ex.Session.ID, ex.Index, ex.CommandName(), string(ex.Key.Raw()), ex.Time, ex.Belief, ex.Served})
		}
	}
	return rows, run.Conns(), run
}

// truth reads a truth file.
func truth(tb testing.TB, name string, into any) {
	tb.Helper()
	f, err := os.Open(testcap.Path(tb, name+".truth.json"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		tb.Fatal(err)
	}
}

type jedisTruth struct {
	Misreads []jedisMisread `json:"misreads_not_quit"`
	Quits    []jedisMisread `json:"case_a_quit_misreads"`
	Dirty    []dirtyRelease `json:"dirty_releases"`
}

type jedisMisread struct {
	Time   float64 `json:"t"`
	Port   uint16  `json:"lport"`
	Index  int     `json:"believed_cmd_idx"`
	Really int     `json:"reply_really_belongs_to_idx"`
}

type dirtyRelease struct {
	Port uint16 `json:"lport"`
}

type asyncioTruth struct {
	Misreads []struct {
		Time  float64 `json:"t"`
		Port  uint16  `json:"lport"`
		Index int     `json:"believed_idx"`
		Reply int     `json:"nth_reply"`
	} `json:"misreads"`
	Dirty []dirtyRelease `json:"dirty_releases"`
}

// misread is a caller that got another command's reply.
type misread struct {
	port          uint16
	index, really int
	time          float64
}

// score compares what was said at a level with the truth. A client port may be used again within a capture, so rows
// and log entries must also agree in time.
func score(rows []row, want []misread, least pairing.Confidence) (hit, wrong, missed int) {
	used := make([]bool, len(want))
	for _, r := range rows {
		if r.belief.Index == r.index || r.belief.Confidence < least || r.belief.Confidence == pairing.Suppressed || r.belief.Index == 0 {
			continue
		}
		found := false
		for i, w := range want {
			if !used[i] && w.port == r.port && w.index == r.index && w.really == r.belief.Index && near(w.time, r.time) {
				used[i], found = true, true
				break
			}
		}
		if found {
			hit++
		} else {
			wrong++
		}
	}
	return hit, wrong, len(want) - hit
}

// near allows for the time a caller waited for its reply.
func near(log float64, at capture.Time) bool {
	d := log - float64(at)/1e9
	return d > -0.1 && d < 10
}

func jedisMisreads(t jedisTruth) (all []misread) {
	for _, m := range append(t.Misreads, t.Quits...) {
		all = append(all, misread{m.Port, m.Index, m.Really, m.Time})
	}
	return all
}

func ports(list []dirtyRelease) map[uint16]bool {
	m := map[uint16]bool{}
	for _, d := range list {
		m[d.Port] = true
	}
	return m
}

func dirtyPorts(conns []*ConnSummary) map[uint16]bool {
	m := map[uint16]bool{}
	for _, c := range conns {
		if c.Dirty {
			m[c.Client.Port()] = true
		}
	}
	return m
}

// TestJedisTruth holds every reply of the Jedis capture against the client's own log, without being told anything.
func TestJedisTruth(t *testing.T) {
	const name = "01a_jedis262_buggy_T300"
	var want jedisTruth
	truth(t, name, &want)
	rows, conns, _ := play(t, name+".pcap", nil)
	all := jedisMisreads(want)
	if len(all) != 665 {
		t.Fatalf("the truth file has %d misreads", len(all))
	}
	checkScore(t, rows, all, 0.99)
	dirty, got := ports(want.Dirty), dirtyPorts(conns)
	missed := 0
	for p := range dirty {
		if !got[p] {
			missed++
		}
	}
	if missed > 1 { // of one the late reply came 30 ms after the timeout, and the next command at once: it looks read
		t.Errorf("%d connections were put back dirty and are not said to be", missed)
	}
	for p := range got {
		if !dirty[p] {
			t.Errorf("port %d is said to be dirty and was not", p)
		}
	}
	for _, c := range conns {
		if d := c.ReadTimeout - 300*time.Millisecond; d.Abs() > time.Millisecond {
			t.Fatalf("read timeout %s, want 300ms within 1ms", c.ReadTimeout)
		}
	}
}

// checkScore demands the precision that the product promises, and a recall.
func checkScore(t *testing.T, rows []row, want []misread, recall float64) {
	t.Helper()
	hit, wrong, _ := score(rows, want, pairing.Strong)
	if hit == 0 || float64(hit) < 0.99*float64(hit+wrong) {
		t.Errorf("of what is said strong, %d are right and %d wrong", hit, wrong)
	}
	hit, wrong, missed := score(rows, want, pairing.Likely)
	if float64(hit) < recall*float64(hit+missed) {
		t.Errorf("at likely or above, %d are found and %d missed", hit, missed)
	}
	if float64(hit) < 0.95*float64(hit+wrong) {
		t.Errorf("at likely or above, %d are right and %d wrong", hit, wrong)
	}
}

// TestAsyncioTruth does the same for cancelled calls of redis-py.
func TestAsyncioTruth(t *testing.T) {
	const name = "02a_redispy451_asyncio_cancel"
	var want asyncioTruth
	truth(t, name, &want)
	rows, conns, run := play(t, name+".pcap", nil)
	var all []misread
	for _, m := range want.Misreads {
		all = append(all, misread{m.Port, m.Index, m.Reply, m.Time})
	}
	if len(all) != 175 {
		t.Fatalf("the truth file has %d misreads", len(all))
	}
	checkScore(t, rows, all, 0.94)
	dirty := ports(want.Dirty)
	used := map[uint16]int{}
	for p := range dirtyPorts(conns) {
		if !dirty[p] {
			t.Errorf("port %d is said to be dirty and was not", p)
		}
		used[p]++
	}
	if len(used) != 186 {
		t.Errorf("%d connections are said to be dirty; 192 were put back so, and 186 of these were used again", len(used))
	}
	for _, c := range conns {
		if h := run.Habits(c.pop); h == nil || !h.Cancels() || h.Seen < 50 || c.ReadTimeout != 0 {
			t.Fatalf("read timeout %s, habits %+v; want cancellation", c.ReadTimeout, h)
		}
	}
}

// TestHiredisTruth reads a capture on which the wire is perfect request and reply after each timeout.
func TestHiredisTruth(t *testing.T) {
	var want struct {
		Wrong []struct {
			Port  uint16 `json:"lport"`
			Index int    `json:"idx"`
			Got   string `json:"got"`
		} `json:"wrong"`
	}
	truth(t, "07a_hiredis_err_cleared", &want)
	rows, conns, _ := play(t, "07a_hiredis_err_cleared.pcap", nil)
	byIndex := map[int]row{}
	for _, r := range rows {
		if len(want.Wrong) > 0 && r.port == want.Wrong[0].Port {
			byIndex[r.index] = r
		}
	}
	right := 0
	for _, w := range want.Wrong {
		b := byIndex[w.Index].belief
		if b.Index == 0 {
			continue
		}
		// The client logged the value: "val12" is what hi:12 holds.
		if asked := byIndex[b.Index].key; strings.TrimPrefix(asked, "hi:") != strings.TrimPrefix(w.Got, "val") {
			t.Errorf("command %d got %s, said to be the reply of %s", w.Index, w.Got, asked)
			continue
		}
		right++
	}
	if right < 43 {
		t.Errorf("%d of %d misreads found, want 43", right, len(want.Wrong))
	}
	if n := len(dirtyPorts(conns)); n != 1 {
		t.Errorf("%d connections dirty, want 1", n)
	}
}

// TestHealthyTruth holds the healthy captures against the rule that matters most: nobody is accused.
func TestHealthyTruth(t *testing.T) {
	for _, name := range []string{
		"01c_jedis262_fixed_T300", "01f_jedis262_timeouts_only", "02d_redispy455_asyncio_fixed", "07b_hiredis_reconnect",
		"04_auth", "04_binary", "04_cluster_moved_cli", "04_goredis_pipeline", "04_inline_nc", "04_ioredis", "04_large", "04_misc",
		"04_monitor", "04_multi", "04_pubsub", "04_replication_psync", "04_reply", "04_resp3", "04_sentinel", "04_tls", "04_tracking",
		"03a_jedispool_leak_4s", "lab_h1", "08e_noderedis3_healthy", "08f_ioredis4_healthy", "08g_goredis6_healthy",
		"08h_redigo_healthy", "08i_rueidis_cancelled_healthy", "08j_hiredis_reconnects",
		"09a_ruby_interrupted_healthy", "09b_phpredis_T120_healthy", "09c_perl_T120_healthy", "09d_aioredis_cancelled_healthy",
		"09e_redispy_cancelled_healthy", "09g_redispy_threads_T100_healthy",
	} {
		t.Run(name, func(t *testing.T) {
			rows, conns, _ := play(t, name+".pcap", nil)
			if n := len(dirtyPorts(conns)); n != 0 {
				t.Errorf("%d connections dirty", n)
			}
			for _, r := range rows {
				another := r.belief.Index != 0 && r.belief.Index != r.index || r.belief.Outcome == pairing.Before || r.belief.Outcome == pairing.Extra
				if another && r.belief.Confidence > pairing.Suppressed && r.command != "QUIT" {
					t.Errorf("connection %d command %d %s believes %d (%s)", r.conn, r.index, r.command, r.belief.Index, r.belief.Confidence)
				}
			}
		})
	}
}
