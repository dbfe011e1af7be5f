// Package formats writes a report in every format that it has: for terminals, tickets, browsers, spreadsheets and machines.
package formats

import (
	"fmt"
	"io"

	"github.com/respsniff/respsniff/internal/report"
)

// Write writes d to w in one format.
func Write(w io.Writer, f report.Format, d *report.Document, o report.Options) error {
	switch f {
	case report.Text:
		return report.WriteText(w, d, o)
	case report.JSON:
		return report.WriteJSON(w, d)
	case report.NDJSON:
		return report.WriteNDJSON(w, d)
	case report.JUnit:
		return writeJUnit(w, d, o)
	case report.GitHub:
		return writeGitHub(w, d, o)
	case report.Markdown:
		return writeMarkdown(w, d, o)
	case report.HTML:
		return writeHTML(w, d, o)
	case report.SARIF:
		return writeSARIF(w, d, o)
	case report.CSV:
		return writeCSV(w, d)
	}
	return fmt.Errorf("format %s cannot be written", f)
}
