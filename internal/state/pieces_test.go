package state

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// parted cuts packets into n files of equal time.
func parted(all []capture.Packet, n int) [][]capture.Packet {
	pieces := make([][]capture.Packet, n)
	first, last := all[0].Time, all[0].Time
	for _, p := range all {
		first, last = min(first, p.Time), max(last, p.Time)
	}
	at := 0
	for _, p := range all {
		at = max(at, min(n-1, int(p.Time.Sub(first)*10/(last.Sub(first)*10/capture.Time(n).Sub(0)+1))))
		p.Frame = int64(len(pieces[at]) + 1)
		pieces[at] = append(pieces[at], p)
	}
	return pieces
}

// result is what one run found.
type result struct {
	findings []incident.Finding
	misreads int // calls that got another call's reply
	kept     *State
	how      Follows
	left     Left
}

// analysed runs the analysis of one file, with what is known of those before it.
func analysed(t *testing.T, packets []capture.Packet, before *State, keep bool, limit int, o analysis.Options) (r result) {
	t.Helper()
	o.FileName = before.FileName
	assembler := reassembly.New(reassembly.Options{})
	run := analysis.NewRun(&o)
	c := &Carrier{o: o, before: before, keeper: NewKeeper(nil, before, cmp.Or(limit, limitOf(0)))}
	c.known, c.stats = before.Known(o, detectors.All())
	run.QualityFrom(func() analysis.CaptureQuality { return analysis.CaptureQuality{Stats: c.Stats(assembler.Stats())} })
	if !keep {
		c = nil
	}
	var batches iter.Seq2[[]capture.Packet, error] = inBatches(packets)
	for f, err := range run.Detect(run.Events(c.Around(run, assembler.Batched, batches)), detectors.All()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Rule[:3] != "RS9" && !slices.Contains(f.Notes, earlierNote(f)) {
			r.findings = append(r.findings, f)
		}
	}
	for _, f := range r.findings {
		if f.Rule == "RS103" {
			r.misreads += f.Count
		}
	}
	if !keep {
		return r
	}
	s := c.state(func(file int32) string {
		if name := before.FileName(file); name != "" {
			return name
		}
		return "this.pcap"
	})
	var file bytes.Buffer
	if err := s.Write(&file); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	r.kept, r.how, r.left = again, c.how, s.Left
	return r
}

// earlierNote is the note of a finding that is there as a cause only, if it has it.
func earlierNote(f incident.Finding) string {
	for _, n := range f.Notes {
		if strings.HasPrefix(n, "All of it was seen in earlier files") {
			return n
		}
	}
	return "none"
}

// inPieces analyses pieces one by one and sums what they find, by rule.
func inPieces(t *testing.T, pieces [][]capture.Packet, with bool, limit int, o analysis.Options) (counts map[string]int, misreads int, left Left) {
	t.Helper()
	counts = map[string]int{}
	var before *State
	for _, piece := range pieces {
		if len(piece) == 0 {
			continue
		}
		r := analysed(t, piece, before, with, limit, o)
		before = r.kept
		misreads += r.misreads
		left = r.left
		for _, f := range r.findings {
			if f.Severity >= incident.Low {
				counts[f.Rule] += f.Count
			}
		}
	}
	return counts, misreads, left
}

func text(counts map[string]int) string {
	var parts []string
	for _, rule := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", rule, counts[rule]))
	}
	return strings.Join(parts, ", ")
}

// waiting are the rules by which a connection or a client may be judged worse at the end of a file than by what follows.
var waiting = []string{"RS102", "RS201", "RS202", "RS210"}

// pieced are captures, and into how many files they are cut.
var pieced = []struct {
	name string
	n    []int // also without being asked for all
}{
	{"01a_jedis262_buggy_T300.pcap", nil},
	{"02a_redispy451_asyncio_cancel.pcap", []int{5}},
	{"03a_jedispool_leak_4s.pcap", []int{10}},
	{"07a_hiredis_err_cleared.pcap", []int{2, 5, 10}},
	{"wan/11c_lan_multi_T300_reused.server.pcap.gz", nil},
	{"wan/13g_late_wan15_T200.client.pcap.gz", nil},
	{"wan/43c_named_wan_T50_reused.server.pcap.gz", nil},
	{"wan/11d_lan_multi_T300_closed.server.pcap.gz", nil},
	{"wan/12c_nat_healthy_two_T.server.pcap.gz", nil},
}

// TestPiecesFindWhatTheWholeFinds measures the table of docs/captures.md.
func TestPiecesFindWhatTheWholeFinds(t *testing.T) {
	table := "| capture | files | misread calls, whole | with `--state` | without | occurrences, whole | with `--state` | without |\n|---|---|---|---|---|---|---|---|\n"
	for _, x := range pieced {
		sizes := x.n
		if exhaustive.On() {
			sizes = []int{2, 5, 10}
		}
		if len(sizes) == 0 {
			continue
		}
		all := testcap.Packets(t, x.name)
		whole, misreads, _ := inPieces(t, [][]capture.Packet{all}, false, 0, analysis.Options{})
		for _, n := range sizes {
			pieces := parted(all, n)
			with, withMisreads, left := inPieces(t, pieces, true, 0, analysis.Options{})
			without, withoutMisreads := map[string]int{}, 0
			if exhaustive.On() {
				without, withoutMisreads, _ = inPieces(t, pieces, false, 0, analysis.Options{})
			}
			name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(x.name), ".gz"), ".pcap")
			table += fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d |\n", name, n, misreads, withMisreads, withoutMisreads, sum(whole), sum(with), sum(without))
			t.Logf("%s in %d: whole %s; with state %s; without %s", name, n, text(whole), text(with), text(without))
			if withMisreads != misreads || left != (Left{}) {
				t.Errorf("%s in %d pieces: %d misread calls, %d in the whole; left %+v", name, n, withMisreads, misreads, left)
			}
			for rule := range whole {
				if with[rule] < whole[rule] || with[rule] > whole[rule] && !slices.Contains(waiting, rule) {
					t.Errorf("%s in %d: %s %d in the pieces, %d in the whole", name, n, rule, with[rule], whole[rule])
				}
			}
			for rule := range with {
				if whole[rule] == 0 && !exhaustive.On() {
					t.Errorf("%s in %d: %s %d in the pieces, none in the whole", name, n, rule, with[rule])
				}
			}
		}
	}
	if exhaustive.On() {
		testcap.Golden(t, "docs/captures.md", "state", table)
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// longTalk is a client whose call times out, and which then reads thousands of replies one too late; healthy closes instead.
func longTalk(t *testing.T, healthy bool, calls int) []capture.Packet {
	t.Helper()
	var b strings.Builder
	b.WriteString("host app 10.0.0.1\nhost redis 10.0.0.2\nconn c app:42000 -> redis:6379\nconn d app:42001 -> redis:6379\n")
	b.WriteString("0.5 c > AUTH hunter2secret => +OK\n1.0 repeat 300 every 2ms { c > GET warm{i} => $w{i} }\n")
	if healthy {
		b.WriteString("2.0 c > GET first\n2.3 c > FIN\n2.45 c < $FIRST\n+30us c > RST bare\n2.9 d > PING => +PONG\n")
		fmt.Fprintf(&b, "3.0 repeat %d every 10ms { d > GET n{i} => $N{i} }\n", calls)
	} else {
		b.WriteString("2.0 c > GET first\n2.3 c > GET second\n2.45 c < $FIRST | $SECOND\n")
		fmt.Fprintf(&b, "3.0 repeat %d every 10ms { c > GET n{i} => $N{i} }\n", calls)
	}
	return packetsOf(t, b.String())
}

func packetsOf(t *testing.T, text string) []capture.Packet {
	t.Helper()
	s, err := scenario.Parse("talk.txt", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.List()
}

// TestBehindForLong: a connection that fell behind is known to be behind when its act does not fit any more between what is
// kept, and a healthy one is not accused.
func TestBehindForLong(t *testing.T) {
	o := analysis.Options{}
	const limit = 700 << 10
	for _, healthy := range []bool{false, true} {
		all := longTalk(t, healthy, 6000)
		whole, misreads, _ := inPieces(t, [][]capture.Packet{all}, false, 0, o)
		with, withMisreads, left := inPieces(t, parted(all, 12), true, limit, o)
		t.Logf("healthy %v: whole %s; pieces %s; left %+v", healthy, text(whole), text(with), left)
		if healthy == (misreads > 0) || withMisreads != misreads || left.Packets > 0 {
			t.Errorf("healthy %v: %d misread calls in pieces, %d in the whole (%s, %s); left %+v", healthy, withMisreads, misreads, text(with), text(whole), left)
		}
	}
}
