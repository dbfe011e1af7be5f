package analysis

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/testcap"
)

// TestPoolTruth compares the belief model with recordings of our own, not used to design it: pools that reuse a connection after a timeout or a cancelled
// call, and hiredis with its error cleared. Their callers logged every reply.
func TestPoolTruth(t *testing.T) {
	for _, name := range []string{
		"08a_go_pool_timeout_T200", "08b_go_pool_cancelled", "08c_hiredis_T150_reused", "08d_hiredis_T200_pause",
	} {
		t.Run(name, func(t *testing.T) {
			rows, conns, _ := play(t, name+".pcap", nil)
			hit, wrong, missed := 0, 0, 0
			sureWrong := 0
			got := callerLog(t, name)
			for _, r := range rows {
				nth, ok := got[portIndex{r.port, r.index}]
				if !ok || nth == r.index {
					continue
				}
				switch b := r.belief; {
				case b.Index == nth && (nth == 0 || b.Confidence >= pairing.Likely):
					hit++
				case b.Confidence >= pairing.Strong:
					sureWrong++
					fallthrough
				case b.Confidence >= pairing.Likely:
					wrong++
				default:
					missed++
				}
			}
			t.Logf("%d right, %d wrong, %d not said", hit, wrong, missed)
			if float64(sureWrong) > 0.01*float64(hit) || float64(wrong) > 0.05*float64(hit) {
				t.Errorf("%d right, %d wrong, %d of these said to be strong", hit, wrong, sureWrong)
			}
			if float64(hit) < 0.97*float64(hit+missed+wrong) {
				t.Errorf("%d right, %d missed", hit, missed+wrong)
			}
			if len(dirtyPorts(conns)) == 0 {
				t.Error("nothing dirty")
			}
		})
	}
}

// TestStrongIsRight holds what is said strongly against the callers' logs, whether they were wronged or not. What became of
// a call that was given up is in the log too: its caller got nothing.
func TestStrongIsRight(t *testing.T) {
	for _, name := range []string{
		"09a_ruby_interrupted_healthy", "09c_perl_T120_healthy", "09d_aioredis_cancelled_healthy", "09e_redispy_cancelled_healthy",
		"09f_lua_T120_reused",
	} {
		t.Run(name, func(t *testing.T) {
			rows, _, _ := play(t, name+".pcap", nil)
			got := callerLog(t, name)
			strong, said := 0, 0
			for _, r := range rows {
				nth, ok := got[portIndex{r.port, r.index}]
				if !ok || r.belief.Confidence == pairing.Suppressed {
					continue
				}
				said++
				if r.belief.Confidence < pairing.Strong {
					continue
				}
				if strong++; r.belief.Index != nth {
					t.Errorf("port %d command %d %s believes %d (%s), its caller got %d", r.port, r.index, r.command, r.belief.Index, r.belief.Confidence, nth)
				}
			}
			t.Logf("%d said of %d callers, %d strongly", said, len(got), strong)
			if said*10 < len(got)*9 {
				t.Errorf("%d said of %d callers", said, len(got))
			}
		})
	}
}

type portIndex struct {
	port  uint16
	index int
}

// callerLog reads which reply each caller got: the number of the command it belonged to, 0 for none.
func callerLog(t *testing.T, name string) map[portIndex]int {
	t.Helper()
	f, err := os.Open(testcap.Path(t, name+".log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := map[portIndex]int{}
	read := map[uint16]int{}
	for d := json.NewDecoder(f); ; {
		var e struct {
			Event string `json:"ev"`
			Port  uint16 `json:"lport"`
			Index int    `json:"idx"`
			Nth   int    `json:"nth"`
		}
		if err := d.Decode(&e); err != nil {
			break
		}
		nth := 0
		if e.Event == "reply" {
			read[e.Port]++
			nth = read[e.Port]
			if e.Nth > 0 {
				nth = e.Nth
			}
		}
		m[portIndex{e.Port, e.Index}] = nth
	}
	if len(m) == 0 {
		t.Fatal("no log entries")
	}
	return m
}
