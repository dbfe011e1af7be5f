package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// follow shows one connection of an incident, and outlines the others.
func (j *joiner) follow(in *Incident, harm, findings []*Finding, conns map[int64]int) {
	var mine []*Outcome
	for i := range j.reg.history.outcomes {
		x := &j.reg.history.outcomes[i]
		if _, ok := conns[x.Conn]; ok && in.Class == Desync {
			mine = append(mine, x)
		}
	}
	if len(mine) == 0 {
		in.exemplify(harm)
		return
	}
	slices.SortStableFunc(mine, func(a, b *Outcome) int { return cmp.Compare(a.began(), b.began()) })
	shown := slices.MaxFunc(mine, func(a, b *Outcome) int { return cmp.Compare(j.shows(a), j.shows(b)) })
	in.Story = j.story(shown)
	in.leave(findings)
	for _, x := range mine {
		if x != shown && len(in.Others) < maxOthers {
			in.Others = append(in.Others, x.outline())
		}
	}
}

// leave says in the last row how the program left the connection, where a finding shows it.
func (in *Incident) leave(findings []*Finding) {
	s := &in.Story
	if len(s.Rows) == 0 {
		return
	}
	for _, f := range findings {
		for i := range f.Examples {
			if e := &f.Examples[i]; f.Rule == "RS201" && e.Conn == s.Conn && len(e.Facts) > 0 {
				s.Rows[len(s.Rows)-1].Note = e.Facts[0]
				return
			}
		}
	}
}

// shows is how much of an incident a connection shows: who got what, what set it off, and how it began.
func (j *joiner) shows(x *Outcome) (n int) {
	if len(x.Victims) > 0 {
		n += 4
	}
	if x.Abandoned.Frame > 0 && x.Reused > 0 {
		n += 2
	}
	if _, ok := j.stall(x); ok {
		n++
	}
	return n
}

func (j *joiner) stall(x *Outcome) (StallSpan, bool) {
	if x.Abandoned.Frame == 0 {
		return StallSpan{}, false
	}
	return j.reg.o.StallBehind.wait(&x.Abandoned)
}

// story makes the rows of a connection. The first reuse is the cause; what follows from it is not a cause again.
func (j *joiner) story(x *Outcome) Story {
	s := Story{Conn: x.Conn, Client: x.Client, Server: x.Server, File: x.File}
	a := &x.Abandoned
	var rows []StoryRow
	if x.Before {
		for _, sign := range x.Signs {
			rows = append(rows, StoryRow{What: sign, Role: RoleCause})
		}
		rows = append(rows, StoryRow{Time: x.Reused, Frame: x.ReusedFrame, Index: x.NextIndex, Role: RoleEffect,
			What: x.Next, Note: x.beforeWords()})
	} else if a.Frame > 0 {
		if st, ok := j.stall(x); ok {
			rows = append(rows, StoryRow{Time: st.Start, Frame: st.StartFrame, Role: RoleCause,
				What: "the server answers nobody from here on, for " + spanText(st.End.Sub(st.Start))})
		}
		rows = append(rows, StoryRow{Time: a.From, Frame: a.Frame, Index: a.Index, What: a.Command, Role: RoleCause})
		rows = append(rows, StoryRow{Time: x.Reused, Frame: x.ReusedFrame, Index: x.NextIndex, What: x.Next, Note: x.reuseWords(), Role: RoleCause})
	}
	if x.ReplyFrame > 0 && !x.Before {
		rows = append(rows, StoryRow{Time: x.ReplyTime, Frame: x.ReplyFrame, Role: RoleCause,
			What: fmt.Sprintf("the reply to #%d comes: %s after its command", a.Index, spanText(x.ReplyTime.Sub(a.From)))})
	}
	for i := range x.Victims {
		v := &x.Victims[i]
		at := slices.IndexFunc(rows, func(r StoryRow) bool { return r.Index == v.Index && r.Index > 0 })
		if at < 0 {
			at = len(rows)
			rows = append(rows, StoryRow{Time: v.Time, Frame: v.Frame, Index: v.Index, What: strings.TrimSpace(v.Command + " " + v.Key), Role: RoleEffect})
		}
		r := &rows[at]
		r.Serves, r.Believes, r.Meant, r.Got = v.Serves, v.Believes, v.Meant, cmp.Or(v.Got, "no reply")
	}
	slices.SortStableFunc(rows, func(a, b StoryRow) int { return cmp.Compare(a.Time, b.Time) })
	shown := rows[:min(len(rows), maxRows-1)]
	s.More = x.Misreads - len(x.Victims)
	for _, r := range rows[len(shown):] {
		if r.Got != "" {
			s.More++
		}
	}
	if x.End != "" {
		shown = append(shown, StoryRow{Time: x.EndTime, Frame: x.EndFrame, What: x.End, Role: RoleEffect})
	}
	s.Rows = shown
	return s
}

func (x *Outcome) beforeWords() string {
	return fmt.Sprintf("written %s after #%d, with no byte of the server in between: the caller of #%d had read a reply from before the capture",
		spanText(x.Reused.Sub(x.Abandoned.From)), x.Abandoned.Index, x.Abandoned.Index)
}

func (x *Outcome) reuseWords() string {
	if x.Late {
		return fmt.Sprintf("#%d was given up before its reply came, and that reply is still unread", x.Abandoned.Index)
	}
	return fmt.Sprintf("%s after #%d, whose reply is still owed: the connection is used again", spanText(x.Reused.Sub(x.Abandoned.From)), x.Abandoned.Index)
}

// began is when the connection's trouble came into sight.
func (x *Outcome) began() capture.Time {
	if x.Reused > 0 {
		return x.Reused
	}
	if len(x.Victims) > 0 {
		return x.Victims[0].Time
	}
	return x.EndTime
}

func (x *Outcome) outline() Outline {
	o := Outline{Conn: x.Conn, Client: x.Client, Server: x.Server, Time: x.began(), Frame: x.ReusedFrame}
	var parts []string
	if x.Misreads > 0 {
		parts = append(parts, Counted(x.Misreads, "call misread", "calls misread"))
	}
	if x.Open {
		parts = append(parts, "still open")
	}
	switch {
	case x.Before:
		parts = append(parts, "behind before the capture")
	case x.Abandoned.Frame > 0:
		parts = append(parts, fmt.Sprintf("%s unread at %s", x.Abandoned.Command, x.Next))
	}
	o.What = strings.Join(parts, "; ")
	return o
}

// exemplify makes the story of the first example of the findings that report the harm, and outlines the others.
func (in *Incident) exemplify(harm []*Finding) {
	var all []*Example
	for _, f := range harm {
		for i := range f.Examples {
			all = append(all, &f.Examples[i])
		}
	}
	slices.SortStableFunc(all, func(a, b *Example) int { return cmp.Compare(a.Time, b.Time) })
	if len(all) == 0 {
		return
	}
	shown := slices.MaxFunc(all, func(a, b *Example) int { return cmp.Compare(min(len(a.Ladder), 1), min(len(b.Ladder), 1)) })
	s := Story{Conn: shown.Conn, Client: shown.Client, Server: shown.Server, File: shown.File}
	for i := range shown.Ladder[:min(len(shown.Ladder), maxRows)] {
		x := &shown.Ladder[i]
		s.Rows = append(s.Rows, StoryRow{Time: x.Time, Frame: x.Frame, What: x.What, Note: x.Mark, Role: RoleEffect})
	}
	if len(s.Rows) == 0 {
		for i, fact := range shown.Facts[:min(len(shown.Facts), maxRows)] {
			r := StoryRow{What: fact, Role: RoleEffect}
			if i == 0 {
				r.Time = shown.Time
				if len(shown.Frames) > 0 {
					r.Frame = shown.Frames[0]
				}
			}
			s.Rows = append(s.Rows, r)
		}
	}
	in.Story = s
	for _, e := range all {
		if e == shown || len(in.Others) == maxOthers {
			continue
		}
		o := Outline{Conn: e.Conn, Client: e.Client, Server: e.Server, Time: e.Time}
		if len(e.Frames) > 0 {
			o.Frame = e.Frames[0]
		}
		if len(e.Facts) > 0 {
			o.What = e.Facts[0]
		}
		in.Others = append(in.Others, o)
	}
}

// spanText prints a measured time: "12.9 ms", "327 ms", "2.002 s".
func spanText(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d us", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

// recall takes from incidents of saved runs what their findings alone do not tell: what their connections suffered, and one of
// them followed.
func (j *joiner) recall(in *Incident) {
	if len(j.recalled) == 0 {
		return
	}
	d := &in.Damage
	sum := Damage{}
	for _, was := range j.recalled {
		if was.Class != in.Class || in.Class != Desync && was.Rule != in.Rule {
			continue // what joined in is no part of the damage
		}
		d := &sum
		d.Calls += was.Damage.Calls
		d.Misread += was.Damage.Misread
		d.Connections += was.Damage.Connections
		d.Open += was.Damage.Open
		d.AtLeast = d.AtLeast || was.Damage.AtLeast
	}
	if sum.Connections > 0 {
		d.Calls, d.Misread, d.Connections, d.Open, d.AtLeast = sum.Calls, sum.Misread, sum.Connections, sum.Open, sum.AtLeast
	}
	shown := slices.MinFunc(j.recalled, func(a, b *Incident) int {
		return cmp.Or(cmp.Compare(b.shows(), a.shows()), cmp.Compare(a.First, b.First))
	})
	in.Story, in.Others = shown.Story, nil
	for _, was := range j.recalled {
		if s := &was.Story; was != shown && s.Conn > 0 {
			in.Others = append(in.Others, s.outline())
		}
		in.Others = append(in.Others, was.Others...)
	}
	slices.SortStableFunc(in.Others, func(a, b Outline) int { return cmp.Compare(a.Time, b.Time) })
	in.Others = in.Others[:min(len(in.Others), maxOthers)]
	for i := range in.Steps {
		var texts []counted
		for _, was := range j.recalled {
			for _, s := range was.Steps {
				if s.Rule == in.Steps[i].Rule {
					texts = append(texts, counted{s.What, s.Count, 0})
				}
			}
		}
		if len(texts) > 0 {
			in.Steps[i].What = reworded(texts, in.Steps[i].Count, 0)
		}
	}
}

// shows is how much a story shows: who got what before anything else.
func (in *Incident) shows() (n int) {
	if slices.ContainsFunc(in.Story.Rows, func(r StoryRow) bool { return r.Misread() }) {
		n = 2
	}
	return n + min(len(in.Story.Rows), 1)
}

// outline is a story in one line.
func (s *Story) outline() Outline {
	o := Outline{Conn: s.Conn, Client: s.Client, Server: s.Server}
	misread := s.More
	for i := range s.Rows {
		if s.Rows[i].Misread() {
			misread++
		}
		if o.Time == 0 {
			o.Time, o.Frame = s.Rows[i].Time, s.Rows[i].Frame
		}
	}
	if misread > 0 {
		o.What = Counted(misread, "call misread", "calls misread")
	}
	return o
}
