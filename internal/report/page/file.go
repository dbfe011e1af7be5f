package page

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/report"
)

// Sizes of the page in one file.
const (
	maxFile      = 5_000_000 // bytes, all in all
	fileConns    = 4000      // rows of the table of connections
	fileMarks    = 10000     // marks of the time strip
	fileRows     = 60        // commands of a connection that has more
	fileTroubled = 960       // of one on which something happened
	fileBefore   = 20        // of these, before what happened
	fileAfter    = 40        // and behind it
	fileReserve  = 64 << 10
)

// Write writes the page as one file that needs no network: with the incidents, their connections and a sample of the
// others, at most 5 MB; what it leaves out it says.
func Write(w io.Writer, d *report.Document, o report.Options) error {
	t, _ := d.Trace.(*Trace)
	r := newRun(d, o, t)
	if t != nil {
		if err := t.fill(r, d); err != nil {
			return err
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	text, err := document(r.head, data, false)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// fill puts into a run what the file has room for, the most telling first.
func (t *Trace) fill(r *Run, d *report.Document) error {
	order := t.order(d)
	r.Marks = t.marksJSON(fileMarks)
	chosen := map[int64]bool{}
	for _, c := range order[:min(len(order), fileConns)] {
		chosen[c.ID] = true
	}
	r.Conns = t.table(chosen, d)
	r.Ladders = map[int64]*Ladder{}
	base, err := json.Marshal(r)
	if err != nil {
		return err
	}
	around, err := document(r.head, nil, false)
	if err != nil {
		return err
	}
	room := maxFile - fileReserve - len(around) - len(base)
	shown, cut := 0, 0
	for _, c := range order {
		if !chosen[c.ID] || room <= 0 {
			continue
		}
		l := t.excerpt(c.ID)
		text, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if room -= len(text) + 16; room <= 0 {
			continue
		}
		r.Ladders[c.ID] = l
		if shown++; len(l.Rows) < c.Commands {
			cut++
		}
	}
	if n := len(t.conns) - len(chosen); n > 0 {
		r.LeftOut = append(r.LeftOut, fmt.Sprintf("%s of %s in the table of connections", report.Group(int64(n)), report.Count(int64(len(t.conns)), "connection")))
	}
	if n := len(t.conns) - shown; n > 0 {
		r.LeftOut = append(r.LeftOut, "the commands of "+report.Count(int64(n), "connection"))
	}
	if cut > 0 {
		r.LeftOut = append(r.LeftOut, fmt.Sprintf("most commands of %s: it has %d, or up to %d around what happened", report.CountAs(int64(cut), "long connection", "long connections"), fileRows, fileTroubled))
	}
	if n := len(t.r.marks) - len(r.Marks.Time); n > 0 {
		r.LeftOut = append(r.LeftOut, fmt.Sprintf("%s of %s in the time strip", report.Group(int64(n)), report.Count(int64(len(t.r.marks)), "mark")))
	}
	return nil
}

// order returns the connections, those first that incidents tell of, then those on which something happened, then a
// sample of the others, spread over the run.
func (t *Trace) order(d *report.Document) []*analysis.ConnSummary {
	rank := map[int64]int{}
	name := func(conn int64) {
		if conn != 0 && rank[conn] == 0 {
			rank[conn] = len(rank) + 1
		}
	}
	for i := range d.Incidents {
		name(d.Incidents[i].Story.Conn)
	}
	for i := range d.Incidents {
		for j := range d.Incidents[i].Others {
			name(d.Incidents[i].Others[j].Conn)
		}
	}
	for i := range d.Findings {
		for j := range d.Findings[i].Examples {
			name(d.Findings[i].Examples[j].Conn)
		}
	}
	trouble := func(c *analysis.ConnSummary) (n int) {
		if x := t.r.store.conns[c.ID]; x != nil {
			n = 4*x.misreads + x.gaveUp
		}
		return n + len(c.Findings)
	}
	after := len(rank) + 1
	ranks := make(map[int64]int, len(t.conns))
	for i, c := range t.conns {
		ranks[c.ID] = after + reversed(uint32(i))
		if r := rank[c.ID]; r > 0 {
			ranks[c.ID] = r
		}
	}
	all := slices.Clone(t.conns)
	slices.SortStableFunc(all, func(a, b *analysis.ConnSummary) int {
		ra, rb := ranks[a.ID], ranks[b.ID]
		if min(ra, rb) < after {
			return cmp.Compare(ra, rb)
		}
		return cmp.Or(cmp.Compare(trouble(b), trouble(a)), cmp.Compare(ra, rb))
	})
	return all
}

// reversed reverses the low 20 bits of a number: a beginning of the numbers in this order is spread over all of them.
func reversed(n uint32) (r int) {
	for i := range 20 {
		r |= int(n>>i&1) << (19 - i)
	}
	return r
}

// excerpt gives the commands of a connection: of many those around what happened, and then those from the first of that on.
func (t *Trace) excerpt(id int64) *Ladder {
	l, _ := t.Ladder(id, 0, 1<<62)
	if len(l.Rows) <= fileRows {
		return l
	}
	first := -1
	wanted := make([]bool, len(l.Rows))
	n := 0
	want := func(from, to, most int) {
		for i := max(from, 0); i < min(to, len(wanted)) && n < most; i++ {
			if !wanted[i] {
				wanted[i] = true
				n++
			}
		}
	}
	for i := range l.Rows {
		if l.Rows[i].troubled() {
			if first < 0 {
				first = i
			}
			want(i-fileBefore, i+fileAfter+1, fileTroubled)
		}
	}
	from := min(max(first-fileBefore, 0), len(l.Rows)-fileRows)
	want(from, len(l.Rows), fileRows)
	kept := l.Rows[:0]
	for i, yes := range wanted {
		if yes {
			kept = append(kept, l.Rows[i])
		}
	}
	l.Rows, l.Kept = slices.Clip(kept), len(kept)
	return l
}
