package gate

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// Baseline lists findings that are known and accepted for a time.
type Baseline struct {
	Accept []Accepted `yaml:"accept"`
}

// Accepted is one known finding. Every entry has the reason, who accepted it, and until when.
type Accepted struct {
	Fingerprint string `yaml:"fingerprint"`
	Rule        string `yaml:"rule,omitempty"`   // this and the next three for readers
	Client      string `yaml:"client,omitempty"` // address; empty where no single one is concerned
	Server      string `yaml:"server,omitempty"` // address and port
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
		if rule, err := detectors.Named(a.Rule); err == nil {
			a.Rule = rule.ID
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
// finding is still there stay as they are; so do all of them where d is only part of what was found. old may be nil.
func NewBaseline(d *report.Document, partial bool, old *Baseline, reason, owner string, until time.Time) *Baseline {
	b := &Baseline{}
	kept, found := map[string]bool{}, prints(d.Findings)
	if old != nil {
		for _, a := range old.Accept {
			i := found.of(a.Fingerprint)
			if i >= 0 && a.Fingerprint != d.Findings[i].Fingerprint {
				a.take(&d.Findings[i]) // from now on with the server's port
			}
			if partial || i >= 0 {
				b.Accept = append(b.Accept, a)
				kept[a.Fingerprint] = true
			}
		}
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if incident.IsQuality(f.Rule) || kept[f.Fingerprint] {
			continue
		}
		kept[f.Fingerprint] = true
		a := Accepted{Reason: reason, Owner: owner, Until: until.Format(time.DateOnly)}
		a.take(f)
		b.Accept = append(b.Accept, a)
	}
	return b
}

// take names the finding that an entry accepts.
func (a *Accepted) take(f *incident.Finding) {
	a.Fingerprint, a.Rule, a.Title, a.Client, a.Server = f.Fingerprint, f.Rule, report.Printable(f.Title), "", ""
	if f.Client.IsValid() {
		a.Client = f.Client.String()
	}
	if f.Server.IsValid() {
		a.Server = f.Server.String()
	}
}

// fingerprints finds findings by their fingerprint, or by the one that they had before it contained the server's port.
type fingerprints struct{ now, former map[string]int }

func prints(findings []incident.Finding) fingerprints {
	p := fingerprints{map[string]int{}, map[string]int{}}
	for i, former := range incident.FormerFingerprints(findings) {
		p.now[findings[i].Fingerprint] = i
		p.former[former] = i
	}
	return p
}

// of returns the index of a finding, -1 for none.
func (p fingerprints) of(fingerprint string) int {
	if i, ok := p.now[fingerprint]; ok {
		return i
	}
	if i, ok := p.former[fingerprint]; ok {
		return i
	}
	return -1
}

// Apply moves the accepted findings of d to d.Suppressed. It returns a warning for each entry that has expired, which
// then accepts nothing, for each from before fingerprints contained the server's port, and for each that matches no finding,
// unless d is only part of what was found.
func (b *Baseline) Apply(d *report.Document, partial bool, today time.Time) (warnings []string) {
	day := today.Format(time.DateOnly)
	entries := map[int]*Accepted{} // by finding
	met := map[string]bool{}
	found := prints(d.Findings)
	for i := range b.Accept {
		a := &b.Accept[i]
		if at := found.of(a.Fingerprint); at >= 0 && (entries[at] == nil || d.Findings[at].Fingerprint == a.Fingerprint) {
			entries[at] = a
		}
	}
	var open []incident.Finding
	for i, f := range d.Findings {
		a := entries[i]
		if a == nil {
			open = append(open, f)
			continue
		}
		met[a.Fingerprint] = true
		if a.Fingerprint != f.Fingerprint {
			warnings = append(warnings, fmt.Sprintf("baseline: the entry for %s is from before fingerprints contained the server's port; it met %s, now %s: "+
				"check it and write the baseline anew (owner %s)", a.Fingerprint, place(&f), f.Fingerprint, a.Owner))
		}
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

// place returns which client and server a finding is about.
func place(f *incident.Finding) string {
	text := f.Rule
	if f.Client.IsValid() {
		text += fmt.Sprintf(" of client %s", f.Client)
	}
	if f.Server.IsValid() {
		text += fmt.Sprintf(" at server %s", f.Server)
	}
	return text
}
