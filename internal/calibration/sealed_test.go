package calibration

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/internal/tlsrecord"
	"github.com/respsniff/respsniff/reassembly"
)

// stage changes the segments of a run.
type stage func(iter.Seq2[*reassembly.Segment, error]) iter.Seq2[*reassembly.Segment, error]

// sealed takes every byte out of a capture, as if each write had been one record of which only the length is seen.
func sealed(in iter.Seq2[*reassembly.Segment, error]) iter.Seq2[*reassembly.Segment, error] {
	type direction struct {
		conn int64
		from reassembly.Side
	}
	open := map[direction]bool{} // in the middle of a write of several segments
	return func(yield func(*reassembly.Segment, error) bool) {
		in(func(seg *reassembly.Segment, err error) bool {
			if err != nil || seg.End != reassembly.NotEnded || seg.Length == 0 {
				return yield(seg, err)
			}
			if seg.Conn.Encryption == nil {
				seg.Conn.Encryption = &reassembly.Encryption{Version: "TLS 1.3"}
			}
			s, d := *seg, direction{seg.Conn.ID, seg.From}
			s.Payload, s.Plain = nil, false
			if seg.Length >= 1400 && seg.Flags&reassembly.PSH == 0 && !open[d] {
				s.Framing, s.Offset, s.Length = int64(s.Length), s.Offset+int64(s.Length), 0
			} else {
				s.Sealed = true
			}
			open[d] = !s.Sealed
			return yield(&s, nil)
		})
	}
}

// unread hands on the records of TLS without any key.
func unread(in iter.Seq2[*reassembly.Segment, error]) iter.Seq2[*reassembly.Segment, error] {
	return tlsrecord.New(nil, &bound.Set{}).Segments(in)
}

// packetsOf reads a capture into memory.
func packetsOf(t *testing.T, path string) (packets []capture.Packet) {
	t.Helper()
	src, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for p, err := range src.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		p.Data = slices.Clone(p.Data)
		packets = append(packets, p)
	}
	return packets
}

// accused returns the connections, by the client's port, that were used again with a reply owed, and how sure that is.
func accused(t *testing.T, name string, packets []capture.Packet, how stage) map[uint16]pairing.Confidence {
	t.Helper()
	all := func(yield func(capture.Packet, error) bool) {
		for _, p := range packets {
			if !yield(p, nil) {
				return
			}
		}
	}
	var ports []uint16
	for seg := range reassembly.Segments(all, nil) {
		if p := min(seg.Conn.Ends[reassembly.A].Port(), seg.Conn.Ends[reassembly.B].Port()); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	run := analysis.NewRun(&analysis.Options{Ports: ports})
	found := map[uint16]pairing.Confidence{}
	watch := &analysis.Detector{ID: "RS101", Name: "watch", Begin: func(*analysis.Reporter) analysis.Hooks {
		return analysis.Hooks{Desync: func(d *desync.Desync) {
			level := pairing.Suppressed
			for i := range d.Abandoned {
				if a := &d.Abandoned[i]; a.Why == desync.ByAck {
					level = max(level, a.Confidence)
				}
			}
			if d.Proof != nil {
				level = max(level, d.Proof.Confidence)
			}
			found[d.Client.Port()] = max(found[d.Client.Port()], level)
		}}
	}}
	for f, err := range run.Detect(run.Events(how(reassembly.Segments(all, nil))), []*analysis.Detector{watch, detectors.EvictorChurn()}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Rule == "RS203" {
			t.Errorf("%s: %s, though nobody can tell what the connections carried", name, f.Title)
		}
	}
	if n := run.Summary().Failed; n > 0 {
		t.Errorf("%s: the analysis of %d connections failed", name, n)
	}
	return found
}

// unseen is what is found of one recording of which nothing can be read.
type unseen struct {
	name           string
	sick           int // connections on which a caller got another's reply
	likely         int // of these, found likely
	possible       int // … possible
	others         int // other connections accused likely
	othersPossible int
}

func (u unseen) String() string {
	return fmt.Sprintf("%-40s sick %2d, found likely %2d, possible %2d; others likely %d, possible %d", u.name, u.sick, u.likely, u.possible, u.others, u.othersPossible)
}

// measureUnseen holds what is found of a recording against its log.
func measureUnseen(t *testing.T, r recording, how stage) unseen {
	t.Helper()
	u, sick := unseen{name: r.name}, map[uint16]bool{}
	if r.log != "" {
		log, err := readLog(r.log)
		if err != nil {
			t.Fatal(err)
		}
		for p, list := range log {
			for _, e := range list {
				sick[p.port] = sick[p.port] || e.reply != nothing && e.reply != p.index
			}
		}
	}
	for port, is := range sick {
		if !is {
			delete(sick, port)
		}
	}
	u.sick = len(sick)
	for port, level := range accused(t, r.name, packetsOf(t, r.capture), how) {
		switch {
		case level >= pairing.Likely && sick[port]:
			u.likely++
		case level == pairing.Possible && sick[port]:
			u.possible++
		case level >= pairing.Likely:
			u.others++
		case level == pairing.Possible:
			u.othersPossible++
		}
	}
	return u
}

// TestSealed takes every byte out of the recordings of this repository: of what is left nobody healthy is accused, and most
// pools that use connections again are found.
func TestSealed(t *testing.T) {
	sick, found, pools, all := 0, 0, 0, 0
	for i, r := range repository(t) {
		if i%exhaustive.Step(3) != 0 {
			continue
		}
		u := measureUnseen(t, r, sealed)
		t.Log(u)
		if u.sick == 0 && u.others > 0 {
			t.Errorf("%s: healthy connections are accused", u)
		}
		if all++; strings.Contains(r.name, "_pool_") && u.sick > 0 {
			pools++
			sick += u.sick
			found += u.likely + u.possible
		}
	}
	if all < 20 || pools < 5 || found*10 < sick*8 {
		t.Errorf("%d of %d sick connections of %d pools found, in %d recordings", found, sick, pools, all)
	}
}

// TestTLSWithoutKeys: of recordings of TLS that nobody has the keys of, the sick pools are found, and nobody healthy is accused.
func TestTLSWithoutKeys(t *testing.T) {
	wanted := map[string]unseen{
		"60a_tls13_aes128_py_reused":   {sick: 6, likely: 6},
		"60b_tls13_aes128_py_closed":   {},
		"64d_node_mux_ok_T200":         {},
		"65c_sclient_keyupdate_inline": {},
	}
	dirs := []string{filepath.Join(testcap.Own(), "tls")}
	if exhaustive.On() {
		dirs = append(dirs, filepath.Join(testcap.Larger(), "tls"))
	}
	have := map[string]bool{}
	for _, dir := range dirs {
		for _, r := range in(t, dir, have) {
			have[r.name] = true
			u := measureUnseen(t, r, unread)
			t.Log(u)
			u.name = ""
			name := withoutTap(r.name)
			switch w, ok := wanted[name]; {
			case ok && u != w:
				t.Errorf("%s: %v, want %v", name, u, w)
			case u.sick == 0 && u.others > 0:
				t.Errorf("%s: healthy connections are accused: %v", name, u)
			case strings.HasSuffix(name, "_reused") && !strings.Contains(name, "cancel") && (u.likely == 0 || u.likely+u.possible < u.sick):
				t.Errorf("%s: %v", name, u)
			}
			delete(wanted, name)
		}
	}
	if len(wanted) > 0 {
		t.Errorf("missing: %v", wanted)
	}
}

// TestSealedScenarios: what is silent in the clear accuses nobody when not a byte of it can be read.
func TestSealedScenarios(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testcap.Own(), "..", "scenarios", "*", "silent*.txt"))
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), "scenarios", err)
	}
	for i, file := range files {
		if i%exhaustive.Step(3) != 0 && !strings.Contains(file, "rs101") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := scenario.Parse(filepath.Base(file), src)
		if err != nil {
			t.Fatal(err)
		}
		run := analysis.NewRun(nil)
		for f, err := range run.Detect(run.Events(sealed(reassembly.Segments(s.Packets(), nil))), detectors.All()) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Rule < "RS2" && f.Severity >= incident.Medium || f.Rule == "RS203" {
				t.Errorf("%s: %s %v %v: %s", file, f.Rule, f.Severity, f.Confidence, f.Title)
			}
		}
	}
}

// TestSealedDamaged: no damage makes an accusation of a healthy recording that cannot be read.
func TestSealedDamaged(t *testing.T) {
	list := append(repository(t), in(t, filepath.Join(testcap.Own(), "tls"), nil)...)
	for i, r := range list {
		isTLS := strings.Contains(r.capture, string(filepath.Separator)+"tls"+string(filepath.Separator))
		if i%exhaustive.Step(12) != 0 && !isTLS {
			continue
		}
		if r.log != "" {
			if log, err := readLog(r.log); err != nil || log.misread() > 0 {
				continue
			}
		}
		how, packets := stage(sealed), packetsOf(t, r.capture)
		if isTLS {
			how = unread
		}
		for name, damage := range map[string]scenario.Damage{
			"loss": scenario.DropRate(0.01, 1), "much loss": scenario.DropRate(0.05, 2), "bursts": scenario.DropBursts(0.02, 5, 3),
			"begun late": scenario.StartAt(len(packets) / 10), "half": scenario.StartAt(len(packets) / 2), "cut": scenario.Snap(96),
			"twice": scenario.Duplicate(0.1, 4), "reordered": scenario.Reorder(0.05, 5), "one side": scenario.OneSide(scenario.Client),
			"the other": scenario.OneSide(scenario.Server),
		} {
			for port, level := range accused(t, r.name+", "+name, scenario.Apply(packets, damage), how) {
				if level >= pairing.Likely {
					t.Errorf("%s, %s: the connection of port %d is accused, %v", r.name, name, port, level)
				}
			}
		}
	}
}
