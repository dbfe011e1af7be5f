package report

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// finding prints the paragraph of evidence of one finding.
func (t *textWriter) finding(n int, f *incident.Finding) {
	head := fmt.Sprintf("-- %d. %s ", n, Shorten(Printable(f.Rule+" "+f.Name), 60))
	tail := fmt.Sprintf(" %s, %s --", f.Severity, OrDash(f.Confidence.String()))
	t.printf("\n%s%s%s\n", t.bold(head), strings.Repeat("-", max(2, t.width()-runes(head)-runes(tail))), t.paint(f.Severity, tail))
	t.print(hang("", "", Printable(f.Title)+".", t.width()))
	t.part("Who", t.say.Who(f))
	t.part("When", t.say.When(f))
	if s := TallyText(f.Victims); s != "" {
		t.part("Calls saw", s)
	}
	if s := TallyText(f.Commands); s != "" {
		t.part("Commands", s)
	}
	shown := min(len(f.Examples), t.o.maxExamples())
	for i := range shown {
		t.example(i+1, f, &f.Examples[i])
	}
	if more := len(f.Examples) - shown; more > 0 {
		t.printf("\n  %s in -o json, or with -v.\n", Count(int64(more), "more example"))
	}
	if len(f.Examples) > 0 {
		t.print("\n")
	}
	for i, note := range f.Notes {
		label := "Judged"
		if i > 0 {
			label = ""
		}
		t.part(label, Printable(note))
	}
	if f.Remedy != "" {
		t.part("What to do", Printable(f.Remedy))
	}
	t.part("Fingerprint", Printable(f.Fingerprint)+"; more: respsniff explain "+Printable(f.Rule))
}

const (
	partIndent = "  "
	partWidth  = 13 // "Fingerprint" and two spaces
)

func (t *textWriter) part(label, text string) {
	if text == "" {
		return
	}
	t.print(hang(fmt.Sprintf("%s%-*s", partIndent, partWidth, label), strings.Repeat(" ", len(partIndent)+partWidth), text, t.width()))
}

func (t *textWriter) example(n int, f *incident.Finding, e *incident.Example) {
	head := fmt.Sprintf("Example %d of %s: %s", n, Group(int64(max(f.Count, n))), ExamplePlace(e))
	if e.Confidence != pairing.Suppressed && e.Confidence != f.Confidence {
		head += " (" + e.Confidence.String() + ")"
	}
	t.print("\n" + hang("  ", "    ", head, t.width()))
	for _, fact := range e.Facts {
		t.print(hang("    - ", "      ", Printable(fact), t.width()))
	}
	t.ladder(e)
	t.victims(e.Victims)
	if len(e.Ladder)+len(e.Victims) > 0 {
		t.print("\n")
	}
	if len(e.Frames) > 0 {
		t.print(hang("    Frames  ", "            ", FramesText(e.Frames)+" of "+OrDash(Printable(e.File)), t.width()))
	}
	if e.Filter != "" {
		t.printf("    %s\n", TsharkLine(e.File, e.Filter))
	}
}

// ladder prints the packets that matter, oldest first.
func (t *textWriter) ladder(e *incident.Example) {
	if len(e.Ladder) == 0 {
		return
	}
	t.print("\n")
	tab := &table{
		head:  []string{"FRAME", "TIME", "GAP", "", "SEQ", "ACK", "LEN", "WHAT"},
		right: []bool{true, false, true, false, true, true, true},
	}
	var before capture.Time
	for i := range ShownSteps(e) {
		s := &e.Ladder[i]
		gap := ""
		if before != 0 {
			gap = "+" + BriefGap(s.Time.Sub(before))
		}
		arrow := "<- server"
		if s.FromClient {
			arrow = "client ->"
		}
		ack := "-"
		if s.Ack >= 0 {
			ack = Itoa(s.Ack)
		}
		what := Printable(s.What)
		if s.Mark != "" {
			what += "  << " + Printable(s.Mark)
		}
		tab.rows = append(tab.rows, []string{Itoa(s.Frame), t.o.Clock.Short(s.Time, before), gap, arrow, Itoa(s.Seq), ack,
			Itoa(int64(s.Length)), what})
		before = s.Time
	}
	t.table(tab, "    ")
}

// shownSteps returns the steps that people are shown.
func ShownSteps(e *incident.Example) []incident.Step { return e.Ladder[:min(len(e.Ladder), maxSteps)] }

// MaxVictims and maxSteps bound the tables of one example in the formats for people.
const (
	MaxVictims = 30
	maxSteps   = 40
)

// victims prints the two columns: what the server meant for each command, and what its caller got.
func (t *textWriter) victims(victims []pairing.Victim) {
	if len(victims) == 0 {
		return
	}
	t.print("\n")
	tab := &table{head: []string{"COMMAND", "SURE", "THE SERVER MEANT", "ITS CALLER GOT"}}
	for i := range victims {
		if i == MaxVictims {
			tab.rows = append(tab.rows, []string{fmt.Sprintf("and %d more", len(victims)-i), "", "", ""})
			break
		}
		v := &victims[i]
		command := fmt.Sprintf("#%d %s", v.Index, Shorten(strings.TrimSpace(Printable(v.Command+" "+v.Key)), 34))
		got := ReplyText(v.Believes, v.Got)
		if v.Saw != "" {
			got += " [" + Printable(v.Saw) + "]"
		}
		tab.rows = append(tab.rows, []string{command, v.Confidence.String(), Shorten(ReplyText(v.Serves, v.Meant), 28), got})
	}
	t.table(tab, "    ")
}

func ReplyText(index int, what string) string {
	switch {
	case index == 0 && what == "":
		return "no reply"
	case index == 0:
		return Printable(what)
	case what == "":
		return fmt.Sprintf("reply #%d", index)
	}
	return fmt.Sprintf("reply #%d: %s", index, Printable(what))
}

func TallyText(ts []incident.Tally) string {
	words := make([]string, len(ts))
	for i, t := range ts {
		words[i] = fmt.Sprintf("%s %s", Printable(t.Label), Group(int64(t.Count)))
	}
	return strings.Join(words, ", ")
}

// TsharkLine returns the command that shows the frames of an example, ready for a POSIX shell. What came from standard
// input has no name that could be read again.
func TsharkLine(file, filter string) string {
	return "tshark -r " + ShellWord(file) + " -Y " + shellQuote(filter)
}

// ShellWord is the name of a file as a POSIX shell takes it.
func ShellWord(file string) string {
	if file == "" || file == "-" {
		return "FILE"
	}
	return shellQuote(file)
}

// shellQuote puts s, made printable, in single quotes unless it is a plain word.
func shellQuote(s string) string {
	s = Printable(s)
	plain := s != "" && s[0] != '-'
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:,@%", r)) {
			plain = false
		}
	}
	if plain {
		return s
	}
	if s != "" && s[0] == '-' {
		s = "./" + s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
