package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// CSVCell returns s so that a spreadsheet shows it and runs nothing: a cell that begins like a formula gets an
// apostrophe, the mark for text (OWASP, CSV injection). Negative numbers and the like are not made here, so any
// leading sign is from the capture.
func CSVCell(s string) string {
	s = Printable(s)
	if t := strings.TrimLeft(s, " "); t != "" && strings.ContainsRune("=+-@|%", rune(t[0])) {
		return "'" + s
	}
	return s
}

var csvColumns = []string{"rule", "name", "severity", "confidence", "title", "fingerprint", "client", "server", "library",
	"policy", "first", "last", "count", "connections", "weakened", "file", "frames", "filter", "fact", "remedy"}

// WriteCSV writes one row a finding, with its first example.
func WriteCSV(w io.Writer, d *Document) error {
	out := csv.NewWriter(w)
	if err := out.Write(csvColumns); err != nil {
		return err
	}
	for i := range d.Findings {
		f := wireFinding(&d.Findings[i])
		cells := []string{f.Rule, f.Name, f.Severity, f.Confidence, f.Title, f.Fingerprint, f.Client, f.Server, f.Library,
			f.Policy, stampText(f.First), stampText(f.Last), strconv.Itoa(f.Count), strconv.Itoa(f.Connections),
			strconv.FormatBool(f.Weakened), "", "", "", "", f.Remedy}
		if len(f.Examples) > 0 {
			e := f.Examples[0]
			cells[15], cells[16], cells[17] = e.File, framesText(e.Frames), e.Filter
			if len(e.Facts) > 0 {
				cells[18] = e.Facts[0]
			}
		}
		for j := range cells {
			cells[j] = CSVCell(cells[j])
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func stampText(s *Stamp) string {
	if s == nil {
		return ""
	}
	return s.String()
}

func framesText(frames []int64) string {
	words := make([]string, len(frames))
	for i, n := range frames {
		words[i] = itoa(n)
	}
	return strings.Join(words, " ")
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
