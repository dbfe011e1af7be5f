package page

import (
	"cmp"
	"slices"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// Trace is what was recorded of a run that is over. It is not changed any more: several may read it at once.
type Trace struct {
	r      *Recorder
	conns  []*analysis.ConnSummary // in order of their numbers
	at     map[int64]int           // of conns
	stalls []stall
}

// stall is a time in which a server answered nobody.
type stall struct {
	server   string
	from, to int64
	frame    int64
}

// Trace ends the recording. conns and stalls are those of the run; findings give the marks of what is no single command.
func (r *Recorder) Trace(conns []*analysis.ConnSummary, stalls []*cluster.Stall, findings []incident.Finding) *Trace {
	r.flush()
	t := &Trace{r: r, conns: conns, at: make(map[int64]int, len(conns))}
	for i, c := range conns {
		t.at[c.ID] = i
	}
	for _, st := range stalls {
		t.stalls = append(t.stalls, stall{r.o.Mask.End(st.Server), r.at(st.Start), r.at(st.End), st.StartFrame})
	}
	for i := range findings {
		f := &findings[i]
		what := markFinding
		switch f.Rule {
		case "RS101", "RS102", "RS103", "RS104", "RS109", "RS210", "RS211", "RS401":
			continue // each of their occurrences has its mark, or its band
		case "RS201", "RS202":
			what = markLeak
		}
		if incident.IsQuality(f.Rule) {
			continue
		}
		for j := range f.Examples {
			if e := &f.Examples[j]; e.Time != 0 && e.Client.IsValid() {
				r.mark(mark{r.at(e.Time), e.Conn, 0, what, r.client(e.Client), r.o.Mask.End(e.Server)})
			}
		}
	}
	slices.SortStableFunc(r.marks, func(a, b mark) int { return cmp.Compare(a.time, b.time) })
	return t
}

// Exchanges returns how many commands are kept.
func (t *Trace) Exchanges() (n int64) {
	for _, c := range t.r.store.conns {
		n += int64(c.kept())
	}
	return n
}

// span is the time that the page is about, counted from the base.
func (t *Trace) span(d *report.Document) [2]int64 {
	if d.Summary.First == 0 || !t.r.began {
		return [2]int64{}
	}
	return [2]int64{t.r.at(d.Summary.First), t.r.at(d.Summary.Last)}
}

// Strip is a span of the time strip: commands by step of time, in lanes.
type Strip struct {
	From    int64      `json:"from"`
	Width   int64      `json:"width"` // of a step, in nanoseconds
	Servers []laneJSON `json:"servers"`
	Clients []laneJSON `json:"clients"`
}

type laneJSON struct {
	Name     string   `json:"name"`
	Commands int64    `json:"commands"`
	Counts   []uint32 `json:"counts"`
	Waits    []uint32 `json:"waits"` // longest wait for a reply, in microseconds
	Open     []int32  `json:"open"`  // connections that were open in the step
}

// Strip gives the whole run in steps that were counted as it passed.
func (t *Trace) Strip() *Strip {
	s := &Strip{Width: max(t.r.clock.width, 1000)}
	t.lanes(s, func(l *lane) ([]uint32, []uint32) { return l.counts, l.waits })
	return s
}

// Closer gives the commands between two moments in finer steps, from the rows that are kept.
func (t *Trace) Closer(from, to int64) *Strip {
	from = max(from, 0)
	s := &Strip{From: from, Width: max((to-from)/steps, 1)}
	fine := map[*lane]*lane{}
	for _, c := range t.r.store.conns {
		for _, b := range c.blocks {
			if b.to < from || b.from > to {
				continue
			}
			for _, l := range [2]*lane{c.server, c.client} {
				if fine[l] == nil {
					fine[l] = &lane{}
				}
			}
			b.each(func(r *row) {
				if r.start >= from && r.start <= to {
					i, wait := int(min((r.start-from)/s.Width, steps)), r.waited()
					fine[c.server].add(i, wait)
					fine[c.client].add(i, wait)
				}
			})
		}
	}
	t.lanes(s, func(l *lane) ([]uint32, []uint32) {
		if f := fine[l]; f != nil {
			return f.counts, f.waits
		}
		return nil, nil
	})
	return s
}

// lanes fills in the lanes of a strip.
func (t *Trace) lanes(s *Strip, numbers func(*lane) (counts, waits []uint32)) {
	open := t.open(s.From, s.Width)
	for _, side := range [2]struct {
		lanes *lanes
		out   *[]laneJSON
	}{{&t.r.servers, &s.Servers}, {&t.r.clients, &s.Clients}} {
		*side.out = []laneJSON{}
		var shared *laneJSON
		for i, l := range side.lanes.sorted() {
			counts, waits := numbers(l)
			x := laneJSON{report.Printable(l.name), l.commands, counts, waits, open[l]}
			switch {
			case i < maxLanes && l != side.lanes.other:
				*side.out = append(*side.out, x)
			case shared == nil:
				shared = &laneJSON{Name: side.lanes.further()}
				fallthrough
			default:
				shared.add(&x)
			}
		}
		if shared != nil {
			*side.out = append(*side.out, *shared)
		}
	}
}

// add joins what another lane counted; nothing of it is kept.
func (j *laneJSON) add(x *laneJSON) {
	j.Commands += x.Commands
	j.Counts = append(j.Counts, make([]uint32, max(len(x.Counts)-len(j.Counts), 0))...)
	j.Waits = append(j.Waits, make([]uint32, max(len(x.Waits)-len(j.Waits), 0))...)
	j.Open = append(j.Open, make([]int32, max(len(x.Open)-len(j.Open), 0))...)
	for i, n := range x.Counts {
		j.Counts[i] += n
	}
	for i, n := range x.Waits {
		j.Waits[i] = max(j.Waits[i], n)
	}
	for i, n := range x.Open {
		j.Open[i] += n
	}
}

// open counts by lane the connections that were open in each step.
func (t *Trace) open(from, width int64) map[*lane][]int32 {
	counts := map[*lane][]int32{}
	step := func(at int64) int64 { return min(max((at-from)/width, 0), steps) }
	for _, s := range t.conns {
		first, last := t.r.at(s.First), t.r.at(s.Last)
		if last < from || (first-from)/width > steps {
			continue
		}
		var c conn
		if kept := t.r.store.conns[s.ID]; kept != nil {
			c = *kept
		} else { // it had no command
			c.server, c.client = t.r.servers.by[t.r.o.Mask.End(s.Server)], t.r.clients.by[t.r.client(s.Client)]
		}
		for _, l := range [2]*lane{c.server, c.client} {
			if l == nil {
				continue
			}
			if counts[l] == nil {
				counts[l] = make([]int32, steps+2)
			}
			counts[l][step(first)]++
			counts[l][step(last)+1]--
		}
	}
	for _, c := range counts {
		for i := 1; i < len(c); i++ {
			c[i] += c[i-1]
		}
	}
	return counts
}

func (t *Trace) summary(id int64) (*analysis.ConnSummary, bool) {
	i, ok := t.at[id]
	if !ok {
		return nil, false
	}
	return t.conns[i], true
}

// Ladder is some commands of one connection.
type Ladder struct {
	Conn    int64  `json:"conn"`
	Kept    int    `json:"kept"`    // commands that can be asked for
	Dropped int    `json:"dropped"` // commands that were given up
	Filter  string `json:"filter"`  // tshark display filter of the connection
	Rows    []row  `json:"rows"`
}

// Ladder gives the commands of a connection with numbers in [from, to); ok is false for a connection that is not known.
func (t *Trace) Ladder(id int64, from, to int) (l *Ladder, ok bool) {
	s, ok := t.summary(id)
	if !ok {
		return nil, false
	}
	m := t.r.o.Mask
	l = &Ladder{Conn: id, Filter: incident.DisplayFilter(m.AddrPort(s.Client), m.AddrPort(s.Server)), Rows: []row{}}
	if c := t.r.store.conns[id]; c != nil {
		l.Kept, l.Dropped = c.kept(), c.dropped
		l.Rows = append(l.Rows, c.rows(from, to)...)
	}
	return l, true
}

// Near gives the number of the last command that a connection had written by a moment, or of its first.
func (t *Trace) Near(id, at int64) (index int) {
	c := t.r.store.conns[id]
	if c == nil {
		return 1
	}
	for _, b := range c.blocks {
		if index > 0 && b.from > at {
			break
		}
		b.each(func(r *row) {
			if index == 0 || r.start <= at {
				index = r.index
			}
		})
	}
	return max(index, 1)
}

// connsJSON is the table of connections, by column: a hundred thousand rows are 8 MB.
type connsJSON struct {
	Names    []string `json:"names"` // that the columns of texts point into
	Conn     []int64  `json:"conn"`
	Client   []int    `json:"client"`
	Server   []int    `json:"server"`
	Library  []int    `json:"library"`
	Policy   []int    `json:"policy"`
	Protocol []int    `json:"protocol"`
	Start    []int    `json:"start"`
	End      []int    `json:"end"`
	First    []int64  `json:"first"`
	Last     []int64  `json:"last"`
	Commands []int    `json:"commands"`
	Replies  []int    `json:"replies"`
	Timeout  []int64  `json:"timeout"` // read timeout in nanoseconds; 0: not known
	Dirty    []int    `json:"dirty"`
	Behind   []int    `json:"behind"`
	Lost     []int64  `json:"lost"`
	Misreads []int    `json:"misreads"`
	GaveUp   []int    `json:"gave_up"`
	Longest  []int64  `json:"longest"`  // wait for a reply, in nanoseconds
	Rules    []int    `json:"rules"`    // that found something, joined by blanks
	Incident [][2]int `json:"incident"` // pairs of a row and the number of an incident that it is part of
	at       map[string]int
}

func (c *connsJSON) name(s string) int {
	i, ok := c.at[s]
	if !ok {
		i = len(c.Names)
		c.at[s] = i
		c.Names = append(c.Names, report.Printable(s))
	}
	return i
}

// table gives the rows of the connections that chosen has, in order; nil chooses all.
func (t *Trace) table(chosen map[int64]bool, d *report.Document) *connsJSON {
	j := &connsJSON{at: map[string]int{}, Names: []string{}}
	m := t.r.o.Mask
	parts := partsOf(d)
	for _, c := range t.conns {
		if chosen != nil && !chosen[c.ID] {
			continue
		}
		var x conn
		if kept := t.r.store.conns[c.ID]; kept != nil {
			x = *kept
		}
		dirty := 0
		if c.Dirty {
			dirty = 1
		}
		library := c.Library
		if c.Version != "" {
			library += " " + c.Version
		}
		client, server := m.End(c.Client), m.End(c.Server)
		for _, n := range parts.of(c.ID, report.AddrText(m.Addr(c.Client.Addr())), server, c.Findings) {
			j.Incident = append(j.Incident, [2]int{len(j.Conn), n})
		}
		j.Conn = append(j.Conn, c.ID)
		j.Client, j.Server, j.Library = append(j.Client, j.name(client)), append(j.Server, j.name(server)), append(j.Library, j.name(library))
		j.Policy, j.Protocol = append(j.Policy, j.name(c.Policy)), append(j.Protocol, j.name(c.Protocol))
		j.Start, j.End = append(j.Start, j.name(c.Start)), append(j.End, j.name(c.End))
		j.First, j.Last = append(j.First, t.r.at(c.First)), append(j.Last, t.r.at(c.Last))
		j.Commands, j.Replies = append(j.Commands, c.Commands), append(j.Replies, c.Replies)
		j.Timeout, j.Lost = append(j.Timeout, int64(c.ReadTimeout)), append(j.Lost, c.LostBytes)
		j.Dirty, j.Behind = append(j.Dirty, dirty), append(j.Behind, c.Behind)
		j.Misreads, j.GaveUp, j.Longest = append(j.Misreads, x.misreads), append(j.GaveUp, x.gaveUp), append(j.Longest, x.longest)
		j.Rules = append(j.Rules, j.name(joined(c.Findings)))
	}
	return j
}

func joined(ids []string) string {
	var s string
	for i, id := range ids {
		if i > 0 {
			s += " "
		}
		s += id
	}
	return s
}

// moment is a moment as the page counts it.
func (t *Trace) moment(at capture.Time) int64 {
	if at == 0 {
		return -1
	}
	return t.r.at(at)
}
