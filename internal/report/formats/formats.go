// Package formats writes a report in every format that it has: for terminals, tickets, browsers, spreadsheets and machines.
package formats

import (
	"fmt"
	"io"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/page"
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
		return writeJUnit(w, []*report.Document{d}, o)
	case report.GitHub:
		return writeGitHub(w, d, o)
	case report.Markdown:
		return writeMarkdown(w, d, o)
	case report.HTML:
		return page.Write(w, d, o)
	case report.SARIF:
		return writeSARIF(w, []*report.Document{d}, o)
	case report.CSV:
		return writeCSV(w, d)
	}
	return fmt.Errorf("format %s cannot be written", f)
}

// Verified are the formats that WriteVerified writes.
var Verified = []report.Format{report.Text, report.JSON, report.JUnit, report.GitHub, report.SARIF}

// WriteVerified writes to w the captures that were held against their expectations.
func WriteVerified(w io.Writer, f report.Format, captures []*report.Document, o report.Options) error {
	switch f {
	case report.Text:
		for _, d := range captures {
			if _, err := io.WriteString(w, report.CheckedText(d)); err != nil {
				return err
			}
		}
		return nil
	case report.JSON:
		return report.WriteVerified(w, captures)
	case report.JUnit:
		return writeJUnit(w, captures, o)
	case report.SARIF:
		return writeSARIF(w, captures, o)
	case report.GitHub:
		for _, d := range captures {
			if err := writeGitHub(w, d, o); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("format %s cannot be written of captures held against expectations", f)
}
