package report

import (
	"bytes"
	"cmp"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// table is a borderless table for text output. Its cells are printable; the last column is wrapped to what the others
// leave of textWidth, the others are as wide as they need.
type table struct {
	width int // of its lines; 0: textWidth
	head  []string
	right []bool // columns aligned right
	rows  [][]string
	paint func(row, column int, cell string) string // adds colour to one line of a cell; nil without
}

// write writes the table, each line behind indent.
func (t *table) write(w io.Writer, indent string) error {
	last := len(t.head) - 1
	widths := make([]int, len(t.head))
	for c, h := range t.head {
		widths[c] = len(h)
	}
	for _, row := range t.rows {
		for c, cell := range row {
			if c < last {
				row[c] = Shorten(cell, maxColumn)
			}
			widths[c] = max(widths[c], runes(row[c]))
		}
	}
	room := cmp.Or(t.width, textWidth) - len(indent)
	for _, n := range widths[:last] {
		room -= n + columnGap
	}
	room = max(room, minLastColumn)

	aligns := make([]tw.Align, len(t.head))
	for c := range aligns {
		aligns[c] = tw.AlignLeft
		if c < len(t.right) && t.right[c] {
			aligns[c] = tw.AlignRight
		}
	}
	var buf bytes.Buffer
	tab := tablewriter.NewTable(&buf,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleASCII),
			Settings: tw.Settings{
				Separators: tw.Separators{ShowHeader: tw.Off, ShowFooter: tw.Off, BetweenRows: tw.Off, BetweenColumns: tw.Off},
				Lines:      tw.LinesNone,
			},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithPadding(tw.Padding{Left: "", Right: strings.Repeat(" ", columnGap), Overwrite: true}),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: aligns}),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{PerColumn: aligns}),
	)
	tab.Header(t.head)
	for r, row := range t.rows {
		cells := make([]string, len(row))
		for c, cell := range row {
			lines := []string{cell}
			if c == last {
				lines = wrap(cell, room)
			}
			for i := range lines {
				if t.paint != nil {
					lines[i] = t.paint(r, c, lines[i])
				}
			}
			cells[c] = strings.Join(lines, "\n")
		}
		if err := tab.Append(cells); err != nil {
			return err
		}
	}
	if err := tab.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(buf.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(indent+strings.TrimRight(line, "\n"), " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

const (
	maxColumn     = 36 // characters of any column but the last
	columnGap     = 2
	minLastColumn = 16
)
