package calibration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/internal/tlsrecord"
	"github.com/respsniff/respsniff/reassembly"
)

// claim is what an engine says of the caller of one command: whose reply it got.
type claim struct {
	place
	conn  int64
	time  float64 // s since 1970, when the command was written
	reply int     // the command whose reply it is, or nothing
	word  reader.Word
}

// said is what an engine says of a recording.
type said struct {
	claims  []claim
	accuses []string // rules of the desync family that fire at medium severity or above
	// Connections with TLS, those of them of which records were read, and the commands on these.
	encrypted, opened, commands int
}

// keysOf reads the key log that stands beside a capture, if there is one.
func keysOf(path string, bounds *bound.Set) (*keylog.Log, error) {
	keys := keylog.New(bounds)
	name, _, _ := strings.Cut(path, ".pcap")
	for _, name := range []string{name, withoutTap(name)} {
		f, err := os.Open(name + ".keylog")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = keys.Read(f)
		f.Close()
		return keys, err
	}
	return keys, nil
}

// engine says of a capture whose reply each caller got.
type engine func(path string) (*said, error)

// inProcess returns the engine of this checkout, but for some of its evidence.
func inProcess(without inference.Terms) engine {
	return func(path string) (*said, error) {
		run := analysis.NewRun(&analysis.Options{Without: without})
		keys, err := keysOf(path, run.Bounds())
		if err != nil {
			return nil, err
		}
		src, err := capture.Open([]string{path}, capture.Options{Secrets: keys.Stream().Block})
		if err != nil {
			return nil, err
		}
		defer src.Close()
		keys.Missing = src.Secrets
		s := &said{}
		events := run.Events(tlsrecord.New(keys, run.Bounds()).Segments(reassembly.New(reassembly.Options{}).Segments(src.Packets())))
		tapped := func(yield func(pairing.Event, error) bool) {
			events(func(e pairing.Event, err error) bool {
				if ex, ok := e.(*pairing.Exchange); ok && claims(ex) {
					s.claims = append(s.claims, claim{
						place{ex.Session.Client.Port(), ex.Index}, ex.Session.ID, float64(ex.Time) / 1e9, ex.Belief.Index, reader.Word(ex.Belief.Confidence),
					})
				}
				if c, ok := e.(*analysis.ConnSummary); ok && c.Encryption != nil {
					if s.encrypted++; c.Encryption.Read > 0 {
						s.opened++
						s.commands += c.Commands
					}
				}
				return yield(e, err)
			})
		}
		for f, err := range run.Detect(tapped, detectors.All()) {
			if err != nil {
				return nil, err
			}
			if strings.HasPrefix(f.Rule, "RS1") && f.Severity >= incident.Medium {
				s.accuse(f.Rule)
			}
		}
		return s, nil
	}
}

// claims reports whether something is said of the caller of a command. What the set-up got is in no log.
func claims(ex *pairing.Exchange) bool {
	b := &ex.Belief
	if b.Confidence == pairing.Suppressed {
		return false
	}
	return b.Index > 0 || b.Outcome == pairing.Plain && ex.Waits() && ex.Flags&pairing.InHandshake == 0
}

func (s *said) accuse(rule string) {
	if !slices.Contains(s.accuses, rule) {
		s.accuses = append(s.accuses, rule)
	}
}

// program returns the engine of another build of respsniff.
func program(path string) engine {
	words := map[string]reader.Word{}
	for w := reader.Possible; w <= reader.Proven; w++ {
		words[w.String()] = w
	}
	return func(capture string) (*said, error) {
		s := &said{}
		rows := exec.Command(path, "pairs", "-o", "ndjson", "--allow-incomplete", capture)
		out, _ := rows.Output() // it exits with 1 where it found something
		for line := range strings.Lines(string(out)) {
			var r struct {
				Type, Client string
				Conn         int64
				Index        int
				Time         time.Time
				Believes     *struct {
					Index      int
					Confidence string
				}
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				return nil, err
			}
			if r.Type != "exchange" || r.Believes == nil || r.Believes.Index == 0 {
				continue
			}
			from, err := netip.ParseAddrPort(r.Client)
			if err != nil {
				return nil, err
			}
			s.claims = append(s.claims, claim{
				place{from.Port(), r.Index}, r.Conn, float64(r.Time.UnixNano()) / 1e9, r.Believes.Index, words[r.Believes.Confidence],
			})
		}
		out, _ = exec.Command(path, "analyze", "-o", "json", "--allow-incomplete", capture).Output()
		var doc struct {
			Findings []struct{ Rule, Severity string }
		}
		if err := json.Unmarshal(out, &doc); err != nil {
			return nil, fmt.Errorf("%s: %w", capture, err)
		}
		for _, f := range doc.Findings {
			if strings.HasPrefix(f.Rule, "RS1") && (f.Severity == "critical" || f.Severity == "high" || f.Severity == "medium") {
				s.accuse(f.Rule)
			}
		}
		return s, nil
	}
}
