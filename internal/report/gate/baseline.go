package gate

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
	Rule        string `yaml:"rule,omitempty"`        // this and the next ones for readers
	Client      string `yaml:"client,omitempty"`      // address; empty where no single one is concerned
	ClientName  string `yaml:"client_name,omitempty"` // of its role, where the fingerprint has it; so does the server's
	Server      string `yaml:"server,omitempty"`      // address and port
	ServerName  string `yaml:"server_name,omitempty"`
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
			i, how := found.of(a.Fingerprint)
			if how > byRole {
				a.take(&d.Findings[i]) // from now on with the server's port, and with names
			}
			if partial || how != notFound {
				b.Accept = append(b.Accept, a)
				kept[incident.Unnumbered(a.Fingerprint)] = true
			}
		}
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if incident.IsQuality(f.Rule) || kept[incident.Unnumbered(f.Fingerprint)] {
			continue // what is known of one client of a role is known of the others
		}
		kept[incident.Unnumbered(f.Fingerprint)] = true
		a := Accepted{Reason: reason, Owner: owner, Until: until.Format(time.DateOnly)}
		a.take(f)
		b.Accept = append(b.Accept, a)
	}
	return b
}

// take names the finding that an entry accepts.
func (a *Accepted) take(f *incident.Finding) {
	a.Fingerprint, a.Rule, a.Title, a.Client, a.Server = incident.Unnumbered(f.Fingerprint), f.Rule, report.Printable(f.Title), "", ""
	a.ClientName, a.ServerName = report.Printable(f.ClientName), report.Printable(f.ServerName)
	if f.Client.IsValid() {
		a.Client = f.Client.String()
	}
	if f.Server.IsValid() {
		a.Server = f.Server.String()
	}
}

// match says how an entry of a baseline and a finding belong together.
type match uint8

const (
	notFound  match = iota
	byPrint         // the same fingerprint
	byRole          // another client or server of the same role
	byAddress       // the entry is from before the client or the server had a name
	byFormer        // the entry is from before fingerprints contained the server's port
)

// why says what is to be known of entries that match by an older fingerprint.
var why = map[match]string{
	byAddress: "client or server had a name",
	byFormer:  "fingerprints contained the server's port",
}

// fingerprints finds findings by their fingerprint, or by one that they had before.
type fingerprints [byFormer + 1]map[string]int

func prints(findings []incident.Finding) *fingerprints {
	var p fingerprints
	for how := range p {
		p[how] = map[string]int{}
	}
	note := func(how match, fingerprint string, i int) {
		if _, known := p[how][fingerprint]; !known {
			p[how][fingerprint] = i
		}
	}
	for i, former := range incident.FormerFingerprints(findings) {
		f := &findings[i]
		note(byPrint, f.Fingerprint, i)
		note(byRole, incident.Unnumbered(f.Fingerprint), i)
		if f.ClientName != "" || f.ServerName != "" {
			note(byAddress, incident.AddressFingerprint(f), i)
		}
		note(byFormer, former, i)
	}
	return &p
}

// of returns the index of a finding, the surest, and how it was found.
func (p *fingerprints) of(fingerprint string) (int, match) {
	for how := byPrint; how <= byFormer; how++ {
		if i, ok := p[how][fingerprint]; ok {
			return i, how
		}
	}
	return 0, notFound
}

// Apply moves the accepted findings of d to d.Suppressed. It returns a warning for each entry that has expired, which
// then accepts nothing, for each from before fingerprints contained the server's port, and for each that matches no finding,
// unless d is only part of what was found.
func (b *Baseline) Apply(d *report.Document, partial bool, today time.Time) (warnings []string) {
	day := today.Format(time.DateOnly)
	type entry struct {
		*Accepted
		how match
	}
	entries := map[int]entry{}      // by finding
	roles := map[string]*Accepted{} // by fingerprint: they accept whatever has it, numbered or not
	met := map[string]bool{}
	found := prints(d.Findings)
	for i := range b.Accept {
		a := &b.Accept[i]
		at, how := found.of(a.Fingerprint)
		if how == notFound {
			continue
		}
		if was, known := entries[at]; !known || how < was.how {
			entries[at] = entry{a, how}
		}
		if how <= byRole {
			roles[a.Fingerprint] = a
		}
	}
	var open []incident.Finding
	for i, f := range d.Findings {
		a, known := entries[i]
		if role := roles[incident.Unnumbered(f.Fingerprint)]; role != nil && (!known || a.how > byRole) {
			a, known = entry{role, byRole}, true
		}
		if !known {
			open = append(open, f)
			continue
		}
		met[a.Fingerprint] = true
		if old := why[a.how]; old != "" {
			warnings = append(warnings, fmt.Sprintf("baseline: the entry for %s is from before %s; it met %s, now %s: "+
				"check it and write the baseline anew (owner %s)", a.Fingerprint, old, place(&f), f.Fingerprint, a.Owner))
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
			todo := "remove it"
			if named := strings.Join(slices.DeleteFunc([]string{a.ClientName, a.ServerName}, func(name string) bool { return name == "" }), " and "); named != "" {
				todo += ", or give the --names that call " + named + " so"
			}
			warnings = append(warnings, fmt.Sprintf("baseline: the entry for %s met no finding: %s (owner %s)", a.Fingerprint, todo, a.Owner))
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
