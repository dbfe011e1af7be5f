package report

import (
	"cmp"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
)

// timeOfDay is how the sentences of the analysis give a moment: in UTC, without its day.
var timeOfDay = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b\d\d:\d\d:\d\d\.\d{6}\b`)
})

// Sentence shows the times of day in a sentence as the clock shows moments. near is a moment less than 12 hours from
// each of them, of whose zone and start they are.
func (c Clock) Sentence(s string, near capture.Time) string {
	if near == 0 || c.Style == ClockAbs && c.zone() == time.UTC {
		return s
	}
	return timeOfDay().ReplaceAllStringFunc(s, func(word string) string {
		t, err := time.Parse("15:04:05.000000", word)
		if err != nil {
			return word
		}
		if c.Style == ClockDelta {
			return word + " UTC"
		}
		day := near.Std().UTC().Truncate(24 * time.Hour)
		moment := day.Add(t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)))
		switch ahead := moment.Sub(near.Std()); {
		case ahead > 12*time.Hour:
			moment = moment.AddDate(0, 0, -1)
		case ahead < -12*time.Hour:
			moment = moment.AddDate(0, 0, 1)
		}
		return c.Short(capture.TimeOf(moment), 0)
	})
}

func (c Clock) sentences(ss []string, near capture.Time) []string {
	ss = slices.Clone(ss)
	for i := range ss {
		ss[i] = c.Sentence(ss[i], near)
	}
	return ss
}

// Finding is f with its sentences as the clock shows moments. f stays as it is.
func (c Clock) Finding(f incident.Finding) incident.Finding {
	f.Title, f.Remedy, f.Notes = c.Sentence(f.Title, f.First), c.Sentence(f.Remedy, f.First), c.sentences(f.Notes, f.First)
	f.Examples = slices.Clone(f.Examples)
	for i := range f.Examples {
		e := &f.Examples[i]
		e.Facts = c.sentences(e.Facts, e.Time)
		e.Ladder = slices.Clone(e.Ladder)
		for j := range e.Ladder {
			e.Ladder[j].Mark = c.Sentence(e.Ladder[j].Mark, e.Ladder[j].Time)
		}
	}
	return f
}

// document is d with its sentences as the clock shows moments. d stays as it is.
func (c Clock) Localize(d *Document) *Document {
	own := *d
	own.Findings = slices.Clone(d.Findings)
	for i := range own.Findings {
		own.Findings[i] = c.Finding(own.Findings[i])
	}
	own.Incidents = slices.Clone(d.Incidents)
	for i := range own.Incidents {
		in := &own.Incidents[i]
		near := in.Damage.Since
		if near == 0 {
			near = in.First
		}
		in.Title, in.Remedy = c.Sentence(in.Title, in.First), c.sentences(in.Remedy, near)
		in.Steps, in.Story.Rows, in.Others = slices.Clone(in.Steps), slices.Clone(in.Story.Rows), slices.Clone(in.Others)
		for j := range in.Steps {
			in.Steps[j].What = c.Sentence(in.Steps[j].What, in.Steps[j].First)
		}
		for j := range in.Story.Rows {
			r := &in.Story.Rows[j]
			r.What, r.Note = c.Sentence(r.What, cmp.Or(r.Time, near)), c.Sentence(r.Note, cmp.Or(r.Time, near))
		}
		for j := range in.Others {
			in.Others[j].What = c.Sentence(in.Others[j].What, in.Others[j].Time)
		}
	}
	return &own
}
