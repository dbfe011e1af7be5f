package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
)

// BlindSpots is printed under every report: a clean result does not exclude these.
const BlindSpots = "replies swapped inside one process, what is in TLS without its keys, offsets older than the capture, a cancelled call " +
	"whose reply came before the next command."

// Widths of text, in characters. A ticket or a mail shows textWidth without wrapping.
const (
	textWidth = 100
	minWidth  = 60
	maxWidth  = 160
)

// TextWidth is the width of text on a terminal with so many columns; 0 where there is none.
func TextWidth(columns int) int {
	if columns <= 0 {
		return textWidth
	}
	return min(max(columns, minWidth), maxWidth)
}

// Bounds of what text shows unless all is asked for.
const (
	MaxInputs      = 3
	maxListed      = 20 // incidents, one line each
	maxStories     = 3  // incidents with a story
	maxOutlines    = 8  // further connections of each
	maxDoubts      = 3
	maxQuality     = 3
	maxNamedPeople = 3 // clients and servers of a line
)

// WriteText writes the report for a terminal or a ticket. The first screen says what broke, who was hurt, since when, why,
// what to do, how sure that is, and what the capture cannot show; then comes a line for each further incident, then a story
// for each. Lines fit the width, except a tshark command, which must stay whole.
func WriteText(w io.Writer, d *Document, o Options) error {
	if o.Clock.Start == 0 {
		o.Clock.Start = d.Summary.First
	}
	d = o.Clock.Localize(d)
	t := &textWriter{w: bufio.NewWriter(w), d: d, o: o, say: Describer{d, o.Clock}}
	if x := d.Summary.Filtered; x != nil { // above the verdict, which does not speak of it
		t.print(hang("", "  ", Printable(x.String()), t.width()) + "\n")
	}
	shown, further := t.chosen()
	t.headline(shown)
	var also, harmless string
	if len(shown) > 0 {
		also, harmless = t.screen(shown[0])
	}
	t.doubts()
	t.quality()
	t.field("Unseen", "by any capture: "+BlindSpots)
	t.field("Also", also)
	t.field("Harmless", harmless)
	t.inputs()
	t.further(further)
	for i, in := range shown {
		if i > 0 || o.Incident > 0 {
			t.printf("\n%s\n", t.bold(fmt.Sprintf("Incident %d: %s", in.ID, Shorten(Printable(in.Title), t.width()-16))))
			if i > 0 {
				also, harmless = t.screen(in)
				t.field("Also", also)
				t.field("Harmless", harmless)
			}
		}
		if t.follows(in) {
			t.story(in)
		}
		if t.evident() {
			t.findings(in)
		}
	}
	t.suppressed()
	if t.err != nil {
		return t.err
	}
	return t.w.Flush()
}

type textWriter struct {
	w   *bufio.Writer
	d   *Document
	o   Options
	say Describer
	err error
}

func (t *textWriter) width() int {
	if t.o.Width == 0 {
		return textWidth
	}
	return min(max(t.o.Width, minWidth), maxWidth)
}

func (t *textWriter) print(s string) {
	if t.err == nil {
		_, t.err = t.w.WriteString(s)
	}
}

func (t *textWriter) printf(format string, args ...any) { t.print(fmt.Sprintf(format, args...)) }

func (t *textWriter) table(tab *table, indent string) {
	if t.err == nil {
		tab.width = t.width()
		t.err = tab.write(t.w, indent)
	}
}

// chosen returns the incidents that are shown with all there is to them, and those that have a line each.
func (t *textWriter) chosen() (shown, further []*incident.Incident) {
	for i := range t.d.Incidents {
		in := &t.d.Incidents[i]
		switch {
		case t.o.Incident > 0 && in.ID == t.o.Incident:
			shown = append(shown, in)
		case t.o.Incident > 0:
		case t.o.All || i == 0 && in.Severity > incident.Low || i < maxStories && t.o.Gate.Fails(in.Severity):
			shown = append(shown, in)
			if i > 0 {
				further = append(further, in)
			}
		default:
			further = append(further, in)
		}
	}
	return shown, further
}

// follows reports whether a connection of an incident is followed: not of one that makes no run fail, unless it is asked for.
func (t *textWriter) follows(in *incident.Incident) bool {
	return t.o.All || t.o.Verbose || t.o.Incident > 0 || in.Severity >= incident.High || t.o.Gate.Fails(in.Severity)
}

// evident reports whether the evidence of each finding is printed.
func (t *textWriter) evident() bool { return t.o.Verbose || t.o.Incident > 0 }

func (t *textWriter) headline(shown []*incident.Incident) {
	v := t.d.Current()
	for i, line := range wrap(string(v.Word)+": "+v.Sentence, t.width()) {
		if i == 0 {
			word := t.bold(string(v.Word))
			if in := t.d.Worst(); in != nil && WordOf(in.Class) == v.Word {
				word = t.paint(in.Severity, string(v.Word))
			}
			line = strings.Replace(line, string(v.Word), word, 1)
		}
		t.print(line + "\n")
	}
	t.print("\n")
	if t.o.Incident > 0 && len(shown) == 0 {
		t.printf("There is no incident %d.\n\n", t.o.Incident)
	}
}

const fieldWidth = 10 // "Harmless" and two spaces

func (t *textWriter) field(label, text string) {
	if text == "" {
		return
	}
	t.print(hang(fmt.Sprintf("%-*s", fieldWidth, label), strings.Repeat(" ", fieldWidth), text, t.width()))
}

// screen answers what somebody asks who was woken up. What else followed, and what is harmless, comes behind it.
func (t *textWriter) screen(in *incident.Incident) (also, harmless string) {
	x := t.say.Screen(in)
	t.field("Hurt", x.Hurt)
	t.field("Who", t.say.Parties(in))
	t.field("Since", t.say.Since(in))
	t.field("Why", x.Why)
	for i, do := range in.Remedy {
		label := "Do now"
		if i > 0 {
			label = ""
		}
		t.field(label, fmt.Sprintf("%d. %s", i+1, Printable(do)))
	}
	t.field("Sure", t.say.Sure(in))
	return x.Also, x.Harmless
}

// stepText is a step with the rule that it can be looked up under.
func StepText(s *incident.IncidentStep) string { return Printable(s.What + " (" + s.Rule + ")") }

// doubts says what could hide, and what would decide it.
func (t *textWriter) doubts() {
	v := t.d.Current()
	all := v.Doubts
	if v.Word != WordUndecided && !t.o.All && !t.o.Verbose {
		return // there is a fault to look at
	}
	for i, x := range all {
		if i == maxDoubts && !t.o.All && !t.o.Verbose {
			t.field("", fmt.Sprintf("and %s: see -v", Count(int64(len(all)-i), "more reason")))
			return
		}
		label := "Doubt"
		if i > 0 {
			label = ""
		}
		text := Printable(x.Why)
		if x.Decide != "" {
			text += "; to decide: " + Printable(x.Decide)
		}
		t.field(label, text)
	}
}

// quality says what the capture lost or hid.
func (t *textWriter) quality() {
	findings, _ := t.d.Split()
	if len(findings) == 0 {
		t.field("Capture", t.d.Unnamed())
	}
	for i, f := range findings {
		label := "Capture"
		if i > 0 {
			label = ""
		}
		if i == maxQuality && !t.o.All && !t.o.Verbose {
			t.field("", fmt.Sprintf("and %s about the capture: see -v", Count(int64(len(findings)-i), "more finding")))
			break
		}
		text := Printable(f.Rule+" "+f.Name+": "+f.Title) + "."
		if t.o.Verbose {
			text += strings.TrimRight(" "+Printable(Sentences(append(f.Notes[:len(f.Notes):len(f.Notes)], f.Remedy))), " ")
		}
		t.field(label, text)
	}
	for _, b := range t.d.Quality.Bounds {
		if b.Loses == Evidence || t.o.Verbose {
			t.field("Limit", Printable(b.String()))
		}
	}
	if n := t.d.Summary.Suppressed; n > 0 {
		t.field("Too weak", fmt.Sprintf("%s below even odds, counted and not printed", Count(n, "claim")))
	}
	for _, warning := range t.d.Warnings {
		t.field("Warning", Printable(warning))
	}
}

func (t *textWriter) inputs() {
	s := &t.d.Summary
	most := MaxInputs
	if t.o.All || t.o.Verbose {
		most = len(t.d.Input)
	}
	for i := range t.d.Input {
		in := &t.d.Input[i]
		if i == most {
			t.field("", fmt.Sprintf("and %s more files", Group(int64(len(t.d.Input)-i))))
			break
		}
		label := "Read"
		if i > 0 {
			label = ""
		}
		text := fmt.Sprintf("%s: %s", Printable(in.File), Count(in.Packets, "packet"))
		if in.Format != "" {
			text += ", " + Printable(in.Format)
		}
		if in.Error != "" {
			text += "; " + t.bold("NOT WHOLE") + ": " + Printable(in.Error)
		}
		for _, n := range in.Notes {
			text += "; " + Printable(n)
		}
		t.field(label, text)
	}
	text := TrafficText(s)
	if s.First != 0 {
		from := t.o.Clock.Full(s.First, 0)
		if zone := t.o.Clock.ZoneName(s.First); zone != "" {
			from += " " + zone
		}
		text += "; from " + from + " for " + BriefGap(s.Duration())
	}
	t.field("Traffic", text)
}

// further prints a line for each further incident.
func (t *textWriter) further(all []*incident.Incident) {
	if len(all) == 0 {
		return
	}
	t.print("\nFurther incidents, with --incident N in full:\n")
	for i, in := range all {
		if i == maxListed && !t.o.All {
			t.printf("  and %s more: --all, or -o json\n", Group(int64(len(all)-i)))
			return
		}
		head := fmt.Sprintf("  %2d  %-8s %-8s ", in.ID, in.Severity, OrDash(in.Confidence.String()))
		t.printf("%s%s\n", t.paint(in.Severity, head), Shorten(strings.ToLower(string(WordOf(in.Class)))+": "+Printable(in.Title), t.width()-runes(head)))
	}
}

func (t *textWriter) suppressed() {
	if len(t.d.Suppressed) == 0 {
		return
	}
	t.printf("\n%s accepted by the baseline:\n", Count(int64(len(t.d.Suppressed)), "finding"))
	for _, s := range t.d.Suppressed {
		t.print(hang("  ", "    ", Printable(fmt.Sprintf("%s %s: %s (%s)", s.Rule, s.Fingerprint, s.Reason, s.Owner)), t.width()))
	}
}
