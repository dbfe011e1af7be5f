package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
)

// blindSpots is printed under every report: a clean result does not exclude these.
const blindSpots = "replies swapped inside one client process; a cancelled call whose late reply arrived before the " +
	"connection was used again, where no read timeout can be measured; anything inside TLS; and offsets older than the " +
	"capture, unless the connection is used quickly."

// WriteText writes the report for a terminal or a ticket: the verdict in one sentence, what the capture hides, the
// ranked findings, and the evidence of each. Lines fit 100 columns, except a tshark command, which must stay whole.
func WriteText(w io.Writer, d *Document, o Options) error {
	if o.Clock.Start == 0 {
		o.Clock.Start = d.Summary.First
	}
	d = o.Clock.document(d)
	t := &textWriter{w: bufio.NewWriter(w), d: d, o: o}
	if x := d.Summary.Filtered; x != nil { // above the verdict, which does not speak of it
		t.print(hang("", "  ", Printable(x.String()), textWidth) + "\n")
	}
	t.verdict()
	t.inputs()
	quality, traffic := d.split()
	t.quality(quality)
	shown := traffic[:min(len(traffic), o.maxFindings())]
	t.ranking(shown, len(traffic)-len(shown))
	t.chain(shown)
	for i, f := range shown {
		t.finding(i+1, f)
	}
	t.suppressed()
	t.printf("\n")
	t.print(hang("", "  ", "What this tool cannot see: "+blindSpots, textWidth))
	if t.err != nil {
		return t.err
	}
	return t.w.Flush()
}

type textWriter struct {
	w   *bufio.Writer
	d   *Document
	o   Options
	err error
}

func (t *textWriter) print(s string) {
	if t.err == nil {
		_, t.err = t.w.WriteString(s)
	}
}

func (t *textWriter) printf(format string, args ...any) { t.print(fmt.Sprintf(format, args...)) }

func (t *textWriter) table(tab *table, indent string) {
	if t.err == nil {
		t.err = tab.write(t.w, indent)
	}
}

func (t *textWriter) verdict() {
	word, sentence := Verdict(t.d)
	for i, line := range wrap(word+": "+sentence, textWidth) {
		if i == 0 {
			line = strings.Replace(line, word, t.bold(word), 1)
		}
		t.print(line + "\n")
	}
}

func (t *textWriter) inputs() {
	t.print("\n")
	s := &t.d.Summary
	for i := range t.d.Input {
		in := &t.d.Input[i]
		if i == maxInputs {
			t.printf("Read      and %s more files\n", group(int64(len(t.d.Input)-maxInputs)))
			break
		}
		text := fmt.Sprintf("%s: %s", Printable(in.File), count(in.Packets, "packet"))
		if in.Format != "" {
			text += ", " + Printable(in.Format)
		}
		if in.Error != "" {
			text += "; " + t.bold("NOT WHOLE") + ": " + Printable(in.Error)
		}
		for _, n := range in.Notes {
			text += "; " + Printable(n)
		}
		t.print(hang("Read      ", "          ", text, textWidth))
	}
	if s.First != 0 {
		text := t.o.Clock.Full(s.First, 0)
		if zone := t.o.Clock.ZoneName(s.First); zone != "" {
			text += " " + zone
		}
		t.print(hang("Time      ", "          ", text+", for "+Gap(s.Duration()), textWidth))
	}
	t.print(hang("Traffic   ", "          ", trafficText(s), textWidth))
}

func trafficText(s *Summary) string {
	return fmt.Sprintf("%s, %s of Redis: %s, %s, %s, %s",
		count(s.Connections, "connection"), group(s.Redis), count(s.Commands, "command"), countAs(s.Replies, "reply", "replies"),
		count(s.Clients, "client"), count(s.Servers, "server"))
}

// maxInputs bounds the files that the first screen lists.
const maxInputs = 8

func (t *textWriter) quality(findings []*incident.Finding) {
	if len(findings) == 0 {
		t.print(hang("Capture   ", "          ", t.d.unnamed(), textWidth))
	}
	for i, f := range findings {
		first := "          "
		if i == 0 {
			first = "Capture   "
		}
		text := Printable(f.Rule+" "+f.Name+": "+f.Title) + "."
		for _, n := range f.Notes {
			text += " " + Printable(n)
		}
		if f.Remedy != "" {
			text += " " + Printable(f.Remedy)
		}
		t.print(hang(first, "          ", text, textWidth))
	}
	for _, limit := range t.d.Quality.LimitsReached {
		t.print(hang("Limit     ", "          ", Printable(limit), textWidth))
	}
	if t.d.Summary.Suppressed > 0 {
		t.print(hang("Too weak  ", "          ", fmt.Sprintf("%s below even odds, counted and not printed",
			count(t.d.Summary.Suppressed, "claim")), textWidth))
	}
	for _, warning := range t.d.Warnings {
		t.print(hang("Warning   ", "          ", Printable(warning), textWidth))
	}
}

func (t *textWriter) ranking(shown []*incident.Finding, more int) {
	if len(shown) == 0 {
		return
	}
	t.print("\n")
	tab := &table{
		head:  []string{"#", "SEVERITY", "CONFIDENCE", "RULE", "COUNT", "CONNS", "CLIENT -> SERVER"},
		right: []bool{true, false, false, false, true, true},
		paint: func(row, column int, cell string) string {
			if column == 1 {
				return t.paint(shown[row].Severity, cell)
			}
			return cell
		},
	}
	for i, f := range shown {
		confidence := f.Confidence.String()
		if f.Weakened {
			confidence += " *"
		}
		tab.rows = append(tab.rows, []string{itoa(int64(i + 1)), f.Severity.String(), confidence,
			Shorten(Printable(f.Rule+" "+f.Name), 26), itoa(int64(f.Count)), itoa(int64(f.Connections)),
			orDash(addrText(f.Client)) + " -> " + orDash(addrPortText(f.Server))})
	}
	t.table(tab, "")
	if more > 0 {
		t.printf("and %s more: see -o json\n", group(int64(more)))
	}
	for _, f := range shown {
		if f.Weakened {
			t.print("* the capture has a gap in the window of some of its evidence\n")
			break
		}
	}
}

// chain prints how findings led to each other, first cause first.
func (t *textWriter) chain(shown []*incident.Finding) {
	if len(t.d.Incidents) > 0 {
		t.stories()
		return
	}
	links := Chain(shown)
	if len(links) < 2 {
		return
	}
	t.print("\nThe story, first cause first\n")
	var before capture.Time
	for _, f := range links {
		t.print(hang("  "+t.o.Clock.Short(f.First, before)+"  ", "                   ",
			fmt.Sprintf("%s %s: %s", f.Rule, f.Name, Printable(f.Title)), textWidth))
		before = f.First
	}
}

func (t *textWriter) suppressed() {
	if len(t.d.Suppressed) == 0 {
		return
	}
	t.printf("\n%s accepted by the baseline:\n", count(int64(len(t.d.Suppressed)), "finding"))
	for _, s := range t.d.Suppressed {
		t.print(hang("  ", "    ", Printable(fmt.Sprintf("%s %s: %s (%s)", s.Rule, s.Fingerprint, s.Reason, s.Owner)), textWidth))
	}
}

// sentences joins texts, each with a full stop behind it.
func sentences(ss []string) string {
	var b strings.Builder
	for _, s := range ss {
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
		if !strings.HasSuffix(s, ".") {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// group prints a count with thousands separators.
func group(n int64) string {
	s := itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count prints a count with its noun, which takes an s in the plural.
func count(n int64, noun string) string { return countAs(n, noun, noun+"s") }

func countAs(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return group(n) + " " + many
}
