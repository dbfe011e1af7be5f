package gate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
)

// maxFile bounds an expectation or baseline file, in bytes.
const maxFile = 4 << 20

// Expectation says what a capture must and must not show.
type Expectation struct {
	// Want lists what must be found. A rule that stands here is expected wherever it fires.
	Want []Want `yaml:"want,omitempty"`
	// Forbid lists rules, or beginnings of their IDs ("RS1"), that must not fire at any severity.
	Forbid []string `yaml:"forbid,omitempty"`
	// Empty says that no command can be read in the capture, and that this is as it should be.
	Empty bool `yaml:"empty,omitempty"`
}

// Want is one rule that must fire. Without a number it must fire at least once.
type Want struct {
	Rule       string `yaml:"rule"`
	Count      *int   `yaml:"count,omitempty"` // occurrences, exactly
	Min        *int   `yaml:"min,omitempty"`
	Max        *int   `yaml:"max,omitempty"`
	Conn       int64  `yaml:"conn,omitempty"`       // fires on this connection
	Command    string `yaml:"command,omitempty"`    // counts only victims of this command
	Confidence string `yaml:"confidence,omitempty"` // at least
}

// OpenExpectation reads the expectation of a file.
func OpenExpectation(path string) (*Expectation, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: 'respsniff verify --write' makes it", err)
	}
	defer f.Close()
	e, err := ReadExpectation(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// ReadExpectation reads the YAML form, in which rules go by their IDs or names. Unknown keys and rules are refused.
func ReadExpectation(r io.Reader) (*Expectation, error) {
	var e Expectation
	if err := readYAML(r, &e); err != nil {
		return nil, err
	}
	for i := range e.Want {
		if err := e.Want[i].check(); err != nil {
			return nil, fmt.Errorf("want %d: %w", i+1, err)
		}
	}
	for i, word := range e.Forbid {
		rules, err := detectors.Select(word)
		if err != nil {
			return nil, fmt.Errorf("forbid %d: %w", i+1, err)
		}
		if len(rules) == 1 {
			e.Forbid[i] = rules[0].ID
		} else {
			e.Forbid[i] = strings.ToUpper(word)
		}
	}
	return &e, nil
}

// check refuses what cannot be meant, and makes an ID of a rule's name.
func (w *Want) check() error {
	rule, err := detectors.Named(w.Rule)
	if err != nil {
		return err
	}
	w.Rule = rule.ID
	switch {
	case w.Count != nil && (w.Min != nil || w.Max != nil):
		return errors.New("count excludes min and max")
	case w.Count != nil && *w.Count < 1 || w.Min != nil && *w.Min < 0 || w.Max != nil && *w.Max < 0:
		return errors.New("count is at least 1, min and max at least 0; use forbid for what must not fire")
	}
	if _, ok := pairing.ParseConfidence(w.Confidence); !ok && w.Confidence != "" {
		return fmt.Errorf("confidence %q: want possible, likely, strong or proven", w.Confidence)
	}
	return nil
}

// Write writes the YAML form behind a comment that describes it.
func (e *Expectation) Write(w io.Writer) error {
	const head = `# What respsniff must find in the capture of the same name: see 'respsniff verify --help'.
# want: rule, and optionally count, or min and max, conn, command, confidence (at least). forbid: rules that must not fire.
# empty: no command can be read in it.
`
	b, err := yaml.MarshalWithOptions(e, yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	if len(e.Want) == 0 && len(e.Forbid) == 0 {
		b = []byte("want: []\n")
		if e.Empty {
			b = append(b, "empty: true\n"...)
		}
	}
	_, err = w.Write(append([]byte(head), b...))
	return err
}

// Expect makes the expectation that d fulfils, and another recording of the same test too: how often a rule fires, and how
// sure it is, hangs on times. What is below medium severity and below the level that fails is left out, as a call that was
// cancelled while its reply was on the way: it may come or not, and may not become worse. So are RS9xx, which concern the
// recording, not what was recorded, and connection numbers, because another recording has others.
func Expect(d *report.Document, level incident.Severity) *Expectation {
	wanted := map[string]bool{}
	for i := range d.Findings {
		if f := &d.Findings[i]; !incident.IsQuality(f.Rule) && f.Severity >= min(level, incident.Medium) {
			wanted[f.Rule] = true
		}
	}
	e := &Expectation{Empty: d.Summary.Commands == 0}
	least := 1
	for _, rule := range slices.Sorted(maps.Keys(wanted)) {
		e.Want = append(e.Want, Want{Rule: rule, Min: &least})
	}
	return e
}

// Only returns e without what it says about rules that are not chosen, and how many expectations that leaves out.
func (e *Expectation) Only(chosen func(rule string) bool) (part *Expectation, left int) {
	part = &Expectation{Forbid: e.Forbid, Empty: e.Empty} // a forbidden rule that is not chosen has no findings
	for _, w := range e.Want {
		if chosen(w.Rule) {
			part.Want = append(part.Want, w)
		}
	}
	return part, len(e.Want) - len(part.Want)
}

// Check compares d with e. Findings of rules that nobody wants count as unexpected from severity level on. onConn tells
// which rules fired on a connection.
func (e *Expectation) Check(d *report.Document, level incident.Severity, onConn func(conn int64) []string) *report.Checked {
	r := &report.Checked{}
	for i := range e.Want {
		if miss := e.Want[i].missing(d, onConn); miss != "" {
			r.Missing = append(r.Missing, miss)
		}
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		forbidden := slices.ContainsFunc(e.Forbid, func(rule string) bool { return strings.HasPrefix(f.Rule, rule) })
		wanted := slices.ContainsFunc(e.Want, func(w Want) bool { return w.Rule == f.Rule })
		if forbidden || !wanted && f.Severity >= level {
			r.Unexpected = append(r.Unexpected, fmt.Sprintf("%s %s: %s (%s, %s)", f.Rule, f.Name, f.Title, f.Severity, f.Confidence))
			r.Findings = append(r.Findings, f.Fingerprint)
		}
	}
	return r
}

func (w *Want) missing(d *report.Document, onConn func(int64) []string) string {
	least, _ := pairing.ParseConfidence(w.Confidence)
	count, seen := 0, false
	surest := pairing.Suppressed
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Rule != w.Rule {
			continue
		}
		n := f.Count
		if w.Command != "" {
			n = occurrences(f, w.Command)
		}
		if n > 0 {
			seen = true
			count += n
			surest = max(surest, f.Confidence)
		}
	}
	switch {
	case !seen && (w.Min == nil || *w.Min > 0) && (w.Max == nil || w.Min != nil || w.Count != nil):
		return w.name() + " was not found"
	case w.Count != nil && count != *w.Count:
		return fmt.Sprintf("%s was found %d times, want %d", w.name(), count, *w.Count)
	case w.Min != nil && count < *w.Min:
		return fmt.Sprintf("%s was found %d times, want at least %d", w.name(), count, *w.Min)
	case w.Max != nil && count > *w.Max:
		return fmt.Sprintf("%s was found %d times, want at most %d", w.name(), count, *w.Max)
	case w.Conn != 0 && !slices.Contains(onConn(w.Conn), w.Rule):
		return fmt.Sprintf("%s was not found on connection %d", w.name(), w.Conn)
	case seen && surest < least:
		return fmt.Sprintf("%s is only %s, want %s", w.name(), surest, least)
	}
	return ""
}

func (w *Want) name() string {
	if w.Command != "" {
		return w.Rule + " with " + w.Command
	}
	return w.Rule
}

// occurrences counts the victims of one command.
func occurrences(f *incident.Finding, command string) int {
	for _, t := range f.Commands {
		if strings.EqualFold(t.Label, command) {
			return t.Count
		}
	}
	n := 0
	for i := range f.Examples {
		for j := range f.Examples[i].Victims {
			if strings.EqualFold(f.Examples[i].Victims[j].Command, command) {
				n++
			}
		}
	}
	return n
}

// readYAML reads one document and refuses unknown keys and what is too large.
func readYAML(r io.Reader, into any) error {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return err
	}
	if len(text) > maxFile {
		return fmt.Errorf("larger than %d bytes", maxFile)
	}
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.New(strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	return nil
}

// byRank orders findings as reports do.
func byRank(a, b *incident.Finding) int {
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint))
}
