package report

import "github.com/respsniff/respsniff/analysis/incident"

// SGR sequences of ECMA-48. Colour never stands alone: the severity is also a word.
const (
	sgrReset  = "\x1b[0m"
	sgrBold   = "\x1b[1m"
	sgrRed    = "\x1b[31m"
	sgrYellow = "\x1b[33m"
	sgrCyan   = "\x1b[36m"
)

func (t *textWriter) bold(s string) string { return t.sgr(sgrBold, s) }

func (t *textWriter) paint(sev incident.Severity, s string) string {
	switch sev {
	case incident.Critical:
		return t.sgr(sgrBold+sgrRed, s)
	case incident.High:
		return t.sgr(sgrRed, s)
	case incident.Medium:
		return t.sgr(sgrYellow, s)
	}
	return t.sgr(sgrCyan, s)
}

func (t *textWriter) sgr(code, s string) string {
	if !t.o.Color || s == "" {
		return s
	}
	return code + s + sgrReset
}
