package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/internal/report"
)

// Run is all that the page loads at once. The commands of connections come in windows: from a server, or in a file from
// Ladders.
type Run struct {
	*head
	Clock   clockJSON         `json:"clock"`
	Span    [2]int64          `json:"span"` // first and last packet
	Strip   *Strip            `json:"strip"`
	Stalls  []stallJSON       `json:"stalls"`
	Marks   *marksJSON        `json:"marks"`
	Conns   *connsJSON        `json:"conns,omitempty"`   // nil: to be asked for
	Ladders map[int64]*Ladder `json:"ladders,omitempty"` // nil: to be asked for
	Files   []string          `json:"files"`             // as a shell takes them
	LeftOut []string          `json:"left_out"`
	Total   int               `json:"total"` // connections of the run
}

// clockJSON says how moments are shown; all times of the page are nanoseconds since Base.
type clockJSON struct {
	Base   int64  `json:"base,string"` // nanoseconds since 1970
	Zone   string `json:"zone"`
	Offset int    `json:"offset"` // of the zone, in seconds east of UTC
	Digits int    `json:"digits"` // of fractions of a second: 6, or 9
	Style  string `json:"style"`  // abs, rel or epoch
}

type stallJSON struct {
	Server string `json:"server"`
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Frame  int64  `json:"frame"`
}

// marksJSON are the marks of the time strip, by column.
type marksJSON struct {
	Names  []string `json:"names"`
	Time   []int64  `json:"time"`
	What   []int    `json:"what"`
	Conn   []int64  `json:"conn"`
	Index  []int    `json:"index"`
	Client []int    `json:"client"` // in Names
	Server []int    `json:"server"`
}

// Run gives what a server sends first.
func (t *Trace) Run(d *report.Document, o report.Options) *Run {
	r := newRun(d, o, t)
	if t != nil {
		r.Marks = t.marksJSON(len(t.r.marks))
	}
	return r
}

// Conns gives the table of all connections.
func (t *Trace) Conns(d *report.Document) any { return t.table(nil, d) }

func newRun(d *report.Document, o report.Options, t *Trace) *Run {
	if o.Clock.Start == 0 {
		o.Clock.Start = d.Summary.First
	}
	own := o.Clock.Localize(d)
	r := &Run{head: newHead(own, o, t), Stalls: []stallJSON{}, Files: []string{}, LeftOut: []string{}}
	for i := range d.Input[:min(len(d.Input), report.MaxInputs)] {
		r.Files = append(r.Files, report.ShellWord(d.Input[i].File))
	}
	if t == nil && d.Summary.Connections == 0 {
		return r
	}
	if t == nil {
		r.LeftOut = append(r.LeftOut, "time, connections and commands: a live run keeps none, and a saved one has none")
		return r
	}
	_, offset := d.Summary.First.Std().In(o.Clock.Location()).Zone()
	r.Clock = clockJSON{
		Base: int64(t.r.base), Zone: cmp.Or(o.Clock.ZoneName(d.Summary.First), "UTC"), Offset: offset, Digits: 6,
		Style: [...]string{report.ClockAbs: "abs", report.ClockRel: "rel", report.ClockDelta: "rel", report.ClockEpoch: "epoch"}[o.Clock.Style],
	}
	for _, c := range t.conns {
		if c.First%1000 != 0 || c.Last%1000 != 0 {
			r.Clock.Digits = 9
			break
		}
	}
	r.Span, r.Strip, r.Total = t.span(d), t.Strip(), len(t.conns)
	for _, st := range t.stalls {
		r.Stalls = append(r.Stalls, stallJSON{report.Printable(st.server), st.from, st.to, st.frame})
	}
	return r
}

// marksJSON gives at most so many marks: of those that say least as many are left out as must be.
func (t *Trace) marksJSON(most int) *marksJSON {
	marks := t.r.marks
	if len(marks) > most {
		marks = slices.Clone(marks)
		slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(a.what.rank(), b.what.rank()) })
		marks = marks[:most]
		slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(a.time, b.time) })
	}
	j := &marksJSON{Names: []string{}, Time: []int64{}, What: []int{}, Conn: []int64{}, Index: []int{}, Client: []int{}, Server: []int{}}
	at := map[string]int{}
	name := func(s string) int {
		i, ok := at[s]
		if !ok {
			i = len(j.Names)
			at[s] = i
			j.Names = append(j.Names, report.Printable(s))
		}
		return i
	}
	for i := range marks {
		m := &marks[i]
		j.Time, j.What, j.Conn, j.Index = append(j.Time, m.time), append(j.What, int(m.what)), append(j.Conn, m.conn), append(j.Index, m.index)
		j.Client, j.Server = append(j.Client, name(m.client)), append(j.Server, name(m.server))
	}
	return j
}

// rank orders what happened, what says most first.
func (k markKind) rank() int {
	return [...]int{markMisread: 0, markReuse: 1, markLeak: 2, markFinding: 3, markGaveUp: 4}[k]
}

// parts says of which incidents a connection is part.
type parts struct {
	named    map[int64][]int
	findings map[partKey][]int
}

type partKey struct{ rule, client, server string }

func partsOf(d *report.Document) *parts {
	p := &parts{map[int64][]int{}, map[partKey][]int{}}
	harmless := map[string]bool{}
	for i := range d.Incidents {
		in := &d.Incidents[i]
		p.name(in.Story.Conn, in.ID)
		for j := range in.Others {
			p.name(in.Others[j].Conn, in.ID)
		}
		for j := range in.Steps {
			if in.Steps[j].Role.String() == "harmless" {
				for _, print := range in.Steps[j].Findings {
					harmless[print] = true
				}
			}
		}
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Incident == 0 || harmless[f.Fingerprint] {
			continue
		}
		k := partKey{f.Rule, report.AddrText(f.Client), report.AddrPortText(f.Server)}
		p.findings[k] = append(p.findings[k], f.Incident)
	}
	return p
}

func (p *parts) name(conn int64, id int) {
	if conn != 0 && !slices.Contains(p.named[conn], id) {
		p.named[conn] = append(p.named[conn], id)
	}
}

// of returns the numbers of the incidents, in order.
func (p *parts) of(conn int64, client, server string, rules []string) []int {
	ids := slices.Clone(p.named[conn])
	for _, rule := range rules {
		for _, k := range [...]partKey{{rule, client, server}, {rule, "", server}, {rule, client, ""}, {rule, "", ""}} {
			ids = append(ids, p.findings[k]...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Find returns commands of whose name or key each word of a text is a part, in the order of connections, at most so many;
// with misread only calls that got another call's reply.
func (t *Trace) Find(text string, misread bool, most int) (found []Found) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 && !misread {
		return nil
	}
	for _, s := range t.conns {
		c := t.r.store.conns[s.ID]
		if c == nil || misread && c.misreads == 0 {
			continue
		}
		for _, b := range c.blocks {
			for d := (rowDecoder{b.bytes}); len(d.b) > 0 && len(found) < most; {
				at := d
				command, key := d.name()
				if slices.ContainsFunc(words, func(w string) bool { return !contains(command, w) && !contains(key, w) }) {
					continue
				}
				r := at.row()
				if misread && (!r.misread() || r.marks&notAwaited != 0) {
					continue
				}
				found = append(found, Found{s.ID, r.index, r.start, strings.TrimSpace(r.command + " " + r.key), r.misread()})
			}
			if len(found) >= most {
				return found
			}
		}
	}
	return found
}

// contains reports whether a text contains a word in lower case, whatever the case of its ASCII letters.
func contains(s []byte, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		j := 0
		for ; j < len(word); j++ {
			c := s[i+j]
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != word[j] {
				break
			}
		}
		if j == len(word) {
			return true
		}
	}
	return false
}

// Found is a command that a search found.
type Found struct {
	Conn    int64  `json:"conn"`
	Index   int    `json:"index"`
	Time    int64  `json:"time"`
	What    string `json:"what"`
	Misread bool   `json:"misread"`
}
