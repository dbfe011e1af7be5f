package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
)

// Truncated is RS902: packets of which the capture kept only the beginning.
func Truncated() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS902", Name: "truncated", Severity: analysis.Low, Since: "0.1.0",
		Summary: "the snapshot length cut packets",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &cutWatch{r: r}
			w.sums = analysis.Keep(r.Collector, analysis.Texts[cuttings]{
				Title:  func(_ *analysis.Finding, c *cuttings) string { return c.title() },
				Notes:  w.notes,
				Remedy: func(*analysis.Finding, *cuttings) string { return "Capture with -s 0." },
			})
			return analysis.Hooks{Ended: w.ended, Finish: w.finish}
		},
	}
}

// cutWatch looks for what lies beyond the snapshot length.
type cutWatch struct {
	r    *analysis.Reporter
	sums analysis.Facts[cuttings]
	sum  *cuttings // of the one finding; nil: none yet
}

// cuttings sums what lies beyond the snapshot length.
type cuttings struct {
	conns    int64
	bytes    int64
	values   int64 // requests and replies of the connections that are cut
	searched int64 // of these, with a boundary that had to be searched
	snaplen  int
}

func (w *cutWatch) ended(e *analysis.Ended) {
	s := e.Session
	h := s.Hidden()
	cut := h.Cut[0] + h.Cut[1]
	if cut == 0 {
		return
	}
	level := analysis.Info
	if h.Reframed > 0 || h.Unanchored > 0 {
		level = analysis.Low
	}
	w.report(s, level, h)
	w.sum.conns++
	w.sum.bytes += cut
	w.sum.values += int64(s.Commands() + s.Replies())
	w.sum.searched += int64(h.Reframed)
}

func (w *cutWatch) report(s *analysis.Session, level analysis.Severity, h analysis.Hidden) {
	run := w.r.Run()
	o := hiding(s, level)
	o.Evidence = func() analysis.Example {
		return analysis.Example{
			File: run.File(h.File), Frames: frames(h.Frame),
			Facts: []string{
				fmt.Sprintf("%s of the client and %s of the server lie beyond the snapshot length", counted(h.Cut[0], "byte", "bytes"), counted(h.Cut[1], "byte", "bytes")),
				fmt.Sprintf("of %s the beginning of %s had to be searched", counted(int64(s.Commands()+s.Replies()), "request or reply", "requests and replies"), grouped(int64(h.Reframed))),
			},
		}
	}
	w.sum = w.sums.Add(o)
}

func (w *cutWatch) finish(r *analysis.Run) {
	if w.sum != nil {
		w.sum.snaplen = r.Quality().Stats.SnapLen
	}
}

func (c *cuttings) title() string {
	length := ""
	if c.snaplen > 0 {
		length = fmt.Sprintf("snapshot length %d: ", c.snaplen)
	}
	kept := 100.0
	if c.values > 0 {
		// Rounded down: only what is whole is called so.
		kept = float64(max(0, 1000*(c.values-c.searched)/c.values)) / 10
	}
	return fmt.Sprintf("%s%s of %s are cut, framing is kept for %.4g %%", length, counted(c.bytes, "byte", "bytes"),
		counted(c.conns, "connection", "connections"), kept)
}

func (w *cutWatch) notes(_ *analysis.Finding, c *cuttings) []string {
	if c.searched == 0 {
		return []string{"Lengths showed where each value ends: pairing was not weakened; keys, errors and values beyond the cut are unknown (RS105, RS106, RS3xx)."}
	}
	return []string{"Where a boundary was searched, pairing is uncertain (RS102, RS103, RS105 to RS108, RS404). " + gapNote(w.r.Run())}
}
