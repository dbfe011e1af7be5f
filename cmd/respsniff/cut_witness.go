package main

import (
	"context"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/evidence"
	"github.com/respsniff/respsniff/internal/tally"
)

// maxWitnesses bounds the connections that are cut only because a finding rests on them.
const maxWitnesses = 1024

// widen adds to conns what else the findings rest on, so that analysing the cut gives them again: a read timeout that
// was measured, or a policy that was learned, on other connections of the same client. It tries the examples of the other
// findings first, which show most of that, then the client's other connections. One pass over the captures a try. The
// findings whose examples are added are returned too.
func (o *cutOptions) widen(ctx context.Context, a *app, names []string, doc *report.Document, rows []*analysis.ConnSummary, found []incident.Finding, conns []int64) ([]int64, []incident.Finding, error) {
	var limits bound.Set
	limit := limits.New(bound.Bound{
		Name: "connections that are cut because a finding rests on them", Limit: maxWitnesses, Hides: "further such connections", Loses: bound.Detail,
	})
	others, examples := evidence.Neighbours(doc.Findings, found, conns, limit)
	tries := []struct {
		conns     []int64
		witnesses []incident.Finding
	}{
		{conns, nil},
		{examples, others},
		{evidence.Everyone(rows, found, examples, limit), others},
	}
	best, most := tries[0], -1
	for i, try := range tries {
		if i > 0 && len(try.conns) == len(tries[i-1].conns) {
			continue
		}
		n, err := o.reproduced(ctx, a, names, found, try.conns)
		if err != nil {
			return nil, nil, err
		}
		if n > most {
			best, most = try, n
		}
		if n == evidence.Certainty(found) {
			break
		}
	}
	for _, b := range tally.Reached(&limits) {
		a.warn("cut: %s", b)
	}
	if most < evidence.Certainty(found) {
		a.warn("cut: some of this rests on the whole capture: the cut alone does not show it, or less surely")
	}
	return best.conns, best.witnesses, nil
}

// reproduced analyses some connections alone, and sums the confidence with which they show the findings, never above
// that of the whole capture.
func (o *cutOptions) reproduced(ctx context.Context, a *app, names []string, found []incident.Finding, conns []int64) (sum int, err error) {
	quiet := *a
	quiet.quiet, quiet.verbose = true, false
	p, err := openPipeline(&quiet, names, &o.analyze.input, o.analyze.output.location, false)
	if err != nil {
		return 0, err
	}
	defer p.close()
	p.run.ForRules()
	segments := evidence.Only(p.segments(ctx), conns)
	for f, err := range p.run.Detect(p.run.Events(segments), p.detectors) {
		if err != nil {
			return 0, err
		}
		for i := range found {
			if found[i].Fingerprint == f.Fingerprint {
				sum += int(min(f.Confidence, found[i].Confidence))
			}
		}
	}
	return sum, nil
}
