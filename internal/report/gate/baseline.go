package gate

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/report"
)

// Baseline lists findings that are known and accepted for a time.
type Baseline struct {
	Accept []Accepted `yaml:"accept"`
}

// Accepted is one known finding. Every entry says why it is accepted, by whom, and until when.
type Accepted struct {
	Fingerprint string `yaml:"fingerprint"`
	Rule        string `yaml:"rule,omitempty"` // for readers
	Title       string `yaml:"title,omitempty"`
	Reason      string `yaml:"reason"`
	Owner       string `yaml:"owner"`
	Until       string `yaml:"until"` // YYYY-MM-DD, the last day it counts
}

// ReadBaseline reads the YAML form. Unknown keys, and entries without a reason, an owner or a day, are refused.
func ReadBaseline(r io.Reader) (*Baseline, error) {
	var b Baseline
	if err := readYAML(r, &b); err != nil {
		return nil, err
	}
	for i := range b.Accept {
		a := &b.Accept[i]
		var err error
		switch {
		case a.Fingerprint == "":
			err = errors.New("no fingerprint")
		case a.Reason == "":
			err = errors.New("no reason")
		case a.Owner == "":
			err = errors.New("no owner")
		default:
			_, err = time.Parse(time.DateOnly, a.Until)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	return &b, nil
}

// Write writes the YAML form.
func (b *Baseline) Write(w io.Writer) error {
	if len(b.Accept) == 0 {
		_, err := io.WriteString(w, "accept: []\n")
		return err
	}
	text, err := yaml.MarshalWithOptions(b, yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// NewBaseline accepts every finding of d but the RS9xx, with one reason, owner and last day. Entries of old whose
// finding is still there keep what they say; so do all of them where d is only part of what was found. old may be nil.
func NewBaseline(d *report.Document, partial bool, old *Baseline, reason, owner string, until time.Time) *Baseline {
	b := &Baseline{}
	kept := map[string]bool{}
	if old != nil {
		for _, a := range old.Accept {
			if partial || slices.ContainsFunc(d.Findings, func(f analysis.Finding) bool { return f.Fingerprint == a.Fingerprint }) {
				b.Accept = append(b.Accept, a)
				kept[a.Fingerprint] = true
			}
		}
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if report.IsQuality(f.Rule) || kept[f.Fingerprint] {
			continue
		}
		kept[f.Fingerprint] = true
		b.Accept = append(b.Accept, Accepted{
			Fingerprint: f.Fingerprint, Rule: f.Rule, Title: report.Printable(f.Title), Reason: reason, Owner: owner, Until: until.Format(time.DateOnly),
		})
	}
	return b
}

// Apply moves the accepted findings of d to d.Suppressed. It returns a warning for each entry that has expired, which
// then accepts nothing, and for each that met no finding, unless d is only part of what was found.
func (b *Baseline) Apply(d *report.Document, partial bool, today time.Time) (warnings []string) {
	day := today.Format(time.DateOnly)
	entries := map[string]*Accepted{}
	met := map[string]bool{}
	for i := range b.Accept {
		entries[b.Accept[i].Fingerprint] = &b.Accept[i]
	}
	var open []analysis.Finding
	for _, f := range d.Findings {
		a := entries[f.Fingerprint]
		if a == nil {
			open = append(open, f)
			continue
		}
		met[f.Fingerprint] = true
		if a.Until < day {
			open = append(open, f)
			warnings = append(warnings, fmt.Sprintf("baseline: the entry for %s %s expired on %s (owner %s)", f.Rule, a.Fingerprint, a.Until, a.Owner))
			continue
		}
		d.Suppressed = append(d.Suppressed, report.Suppressed{Rule: f.Rule, Fingerprint: f.Fingerprint, Reason: a.Reason, Owner: a.Owner, Until: a.Until})
	}
	d.Findings = open
	for _, a := range b.Accept {
		if !met[a.Fingerprint] && !partial {
			warnings = append(warnings, fmt.Sprintf("baseline: the entry for %s met no finding: remove it (owner %s)", a.Fingerprint, a.Owner))
		}
	}
	return warnings
}
