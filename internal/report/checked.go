package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/respsniff/respsniff/analysis/incident"
)

// Checked is the outcome of holding a capture against its expectation.
type Checked struct {
	Capture    string   // its name, as it was given
	Missing    []string // what was wanted and is not there, or not as often or not as surely
	Unexpected []string // what is there and was not wanted
	Findings   []string // the fingerprints of the unexpected findings, in the same order
	LeftOut    int      // expectations that filters left out
	Error      string   // why there was nothing to compare: the capture or its expectation could not be read
}

// OK reports whether all is as expected.
func (c *Checked) OK() bool { return len(c.Missing) == 0 && len(c.Unexpected) == 0 && c.Error == "" }

// Lines says what is not as expected, one thing a line.
func (c *Checked) Lines() []string {
	var lines []string
	if c.Error != "" {
		lines = append(lines, Printable(c.Error))
	}
	for _, m := range c.Missing {
		lines = append(lines, "missing: "+Printable(m))
	}
	for _, u := range c.Unexpected {
		lines = append(lines, "unexpected: "+Printable(u))
	}
	return lines
}

// FailsRun reports whether some of these findings, the worst of severity s, make the run fail: those that an expectation did
// not expect, or without one those that the gate holds back.
func (c *Checked) FailsRun(s incident.Severity, g Gate, findings ...*incident.Finding) bool {
	if c == nil {
		return g.Fails(s)
	}
	return slices.ContainsFunc(findings, func(f *incident.Finding) bool { return slices.Contains(c.Findings, f.Fingerprint) })
}

// JudgeChecked gives a document that is held against an expectation its verdict. The word tells what is in the capture; the exit
// code is 1 where that is not as expected, else 2 where the table says 2 of the capture alone. empty: no command is expected.
func JudgeChecked(d *Document, g Gate, empty bool) int {
	alone := g
	alone.Never, alone.AllowEmpty = true, g.AllowEmpty || empty
	exit := d.Judge(alone).Exit
	if exit == 0 || !d.Checked.OK() {
		d.Judge(g)
	}
	if !d.Checked.OK() && d.Checked.Error == "" {
		exit = 1
	}
	d.Judged.Exit = exit
	return exit
}

// CheckedText is a document held against its expectation in a few lines for people; empty where there was nothing to compare.
func CheckedText(d *Document) string {
	c, verdict := d.Checked, d.Current()
	if c.Error != "" {
		return ""
	}
	word := "ok  "
	switch {
	case !c.OK():
		word = "FAIL"
	case verdict.Exit != 0:
		word = "CUT "
	}
	text := word + " " + Printable(c.Capture) + "\n"
	if x := d.Summary.Filtered; x != nil {
		text += "     " + Printable(x.String())
		if c.LeftOut > 0 {
			text += fmt.Sprintf(" Expectations left out: %d.", c.LeftOut)
		}
		text += "\n"
	}
	if c.OK() && verdict.Exit != 0 {
		text += "     " + Printable(string(verdict.Word)+": "+verdict.Sentence) + "\n"
	}
	for _, line := range c.Lines() {
		text += "     " + line + "\n"
	}
	return text
}

type checkedWire struct {
	Capture    string   `json:"capture"`
	OK         bool     `json:"ok"`
	Missing    []string `json:"missing"`
	Unexpected []string `json:"unexpected"`
	Findings   []string `json:"unexpected_findings"`
	LeftOut    int      `json:"left_out,omitempty"`
	Error      string   `json:"error,omitempty"`
}

func wireChecked(c *Checked) *checkedWire {
	if c == nil {
		return nil
	}
	return &checkedWire{
		Capture: Printable(c.Capture), OK: c.OK(), Missing: orEmpty(Printables(c.Missing)), Unexpected: orEmpty(Printables(c.Unexpected)),
		Findings: orEmpty(Printables(c.Findings)), LeftOut: c.LeftOut, Error: Printable(c.Error),
	}
}

func (w *checkedWire) checked() *Checked {
	if w == nil {
		return nil
	}
	return &Checked{Capture: w.Capture, Missing: w.Missing, Unexpected: w.Unexpected, Findings: w.Findings, LeftOut: w.LeftOut, Error: w.Error}
}

// WriteVerified writes the captures that were held against their expectations, as WriteJSON does one run. It has no
// schema_version of its own, so that Read refuses it.
func WriteVerified(w io.Writer, captures []*Document) error {
	b, err := json.MarshalIndent(struct {
		Type     string      `json:"type"`
		Captures []*Document `json:"captures"`
	}{"verification", orEmpty(captures)}, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
