package report

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
)

// story follows one connection of an incident, then outlines the others.
func (t *textWriter) story(in *incident.Incident) {
	s := &in.Story
	if len(s.Rows) == 0 {
		return
	}
	t.print("\n" + hang("", "  ", t.bold(StoryPlace(in)), t.width()))
	t.rows(s)
	if filter := incident.DisplayFilter(s.Client, s.Server); filter != "" {
		t.printf("  %s\n", TsharkLine(s.File, filter))
	}
	t.printf("  respsniff explain %s\n", Shorten(shellQuote(in.Rule), 20))
	t.outlines(in)
}

// rows prints the columns of a story: time and frame, then what, and of calls that got another call's reply the reply that
// the server meant and the one that the caller got.
func (t *textWriter) rows(s *incident.Story) {
	var before capture.Time
	times := make([]string, len(s.Rows))
	widest := len("TIME")
	for i := range s.Rows {
		if r := &s.Rows[i]; r.Time != 0 {
			times[i] = t.o.Clock.Short(r.Time, before)
			before = r.Time
		}
		widest = max(widest, runes(times[i]))
	}
	lead := widest + 13 // two spaces, the time, two, a frame of seven digits, two
	room := t.width() - lead
	what, meant := room*2/5, room/4
	got := room - what - meant - 2
	misread := false
	for i := range s.Rows {
		misread = misread || s.Rows[i].Misread()
	}
	head := fmt.Sprintf("  %-*s  %7s  WHAT", widest, "TIME", "FRAME")
	if misread {
		server, caller := "THE SERVER MEANT", "ITS CALLER GOT"
		if meant < len(server) {
			server, caller = "MEANT", "GOT"
		}
		head = fmt.Sprintf("  %-*s  %7s  %-*s %-*s %s", widest, "TIME", "FRAME", what, "WHAT", meant, server, caller)
	}
	t.print(strings.TrimRight(head, " ") + "\n")
	for i := range s.Rows {
		r := &s.Rows[i]
		frame := ""
		if r.Frame > 0 {
			frame = Itoa(r.Frame)
		}
		first := fmt.Sprintf("  %-*s  %7s  ", widest, times[i], frame)
		if !r.Misread() {
			t.print(hang(first, strings.Repeat(" ", lead), RowText(r), t.width()))
			continue
		}
		cells := fmt.Sprintf("%-*s %-*s %s", what, Shorten(callText(r), what), meant, Shorten(MeantText(r), meant), Shorten(GotText(r), got))
		t.print(strings.TrimRight(first+cells, " ") + "\n")
		if r.Note != "" {
			rest := strings.Repeat(" ", lead+2)
			t.print(hang(rest, rest, Printable(r.Note), t.width()))
		}
	}
	if s.More > 0 {
		t.printf("  %s\n", CountAs(int64(s.More), "more call got another call's reply on it", "more calls got another call's reply on it"))
	}
}

// outlines prints further connections, one line each.
func (t *textWriter) outlines(in *incident.Incident) {
	most := maxOutlines
	if t.o.All || t.o.Incident > 0 || t.o.Verbose {
		most = len(in.Others)
	}
	if most > 0 && len(in.Others) > 0 {
		t.print("\nThe same on:\n")
	}
	var before capture.Time
	for i := range in.Others[:min(len(in.Others), most)] {
		o := &in.Others[i]
		head := "  " + t.o.Clock.Short(o.Time, before)
		before = o.Time
		if o.Frame > 0 {
			head += fmt.Sprintf("  frame %-6d", o.Frame)
		}
		if o.Conn > 0 {
			head += fmt.Sprintf("  conn %-5d", o.Conn)
		}
		if t.width() >= textWidth {
			head += " " + EndText(o.Client) + "  "
		}
		t.print(strings.TrimRight(head+Shorten(Printable(o.What), max(t.width()-runes(head), 8)), " ") + "\n")
	}
	left := max(len(in.Others), in.Damage.Connections-1) - min(len(in.Others), most)
	switch {
	case left <= 0:
	case len(in.Others) > most:
		t.printf("  and %s: --incident %d\n", CountAs(int64(left), "more connection", "more connections"), in.ID)
	case in.Class == incident.Desync:
		t.printf("  and %s: respsniff conns --dirty\n", CountAs(int64(left), "more connection", "more connections"))
	default:
		t.printf("  and %s\n", CountAs(int64(left), "more connection", "more connections"))
	}
}

// findings prints the evidence of an incident's findings, each behind its causes.
func (t *textWriter) findings(in *incident.Incident) {
	for i, f := range t.d.FindingsOf(in) {
		t.finding(i+1, f)
	}
}
