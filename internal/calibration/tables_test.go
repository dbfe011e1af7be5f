package calibration

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis/reader"
)

// permille is a share as the tables have it: three digits, not rounded up.
func (t tally) permille() string {
	if t.said == 0 {
		return "-"
	}
	return ratio(t.share())
}

// ratio never turns what is not whole into 1.000.
func ratio(x float64) string { return fmt.Sprintf("%.3f", float64(int(x*1000))/1000) }

var kindTexts = [numKinds]string{"another's reply", "its own reply", "nothing"}

// wordTable says how often what is said with each word is right.
func wordTable(scores []*score) string {
	var b strings.Builder
	b.WriteString("| the caller got | word | claims | right | share | wanted |\n|---|---|---|---|---|---|\n")
	t := total(scores)
	for k := range numKinds {
		for w := reader.Proven; w > reader.Unknown; w-- {
			c := t.claims[k][w]
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %s | %s |\n", kindTexts[k], w, c.said, c.right, c.permille(), ratio(wanted[k][w]))
		}
	}
	return b.String()
}

// setTable is the scores by set, of this checkout and of the engine before it.
func setTable(scores, before []*score) string {
	var b strings.Builder
	b.WriteString("| recordings | engine | sick | R | R = 0 | P | PL | own reply, strongly: wrong / said | healthy | accused |\n|---|---|---|---|---|---|---|---|---|---|\n")
	row := func(name string, of func(*score) bool) {
		for _, e := range []struct {
			name   string
			scores []*score
		}{{"before", before}, {"now", scores}} {
			if list := pick(e.scores, of); len(list) > 0 {
				fmt.Fprintf(&b, "| %s | %s | %s\n", name, e.name, setRow(list))
			}
		}
	}
	for at := range numSets {
		row(setNames[at], func(s *score) bool { return s.set == at })
	}
	row("networks, both halves", func(s *score) bool { return s.network && s.set < atServer })
	row("networks, at the server", func(s *score) bool { return s.network && s.set >= atServer })
	return b.String()
}

func setRow(list []*score) string {
	t := total(list)
	o := t.least(own, reader.Strong)
	recall := "-"
	if t.sick > 0 {
		recall = ratio(t.recall)
	}
	strong, likely := t.least(misread, reader.Strong), t.least(misread, reader.Likely)
	return fmt.Sprintf("%d | %s | %d | %s | %s | %d / %d | %d | %d |",
		t.sick, recall, t.blind, strong.permille(), likely.permille(), o.wrong(), o.said, t.healthy, len(t.accused))
}

func pick(scores []*score, of func(*score) bool) (list []*score) {
	for _, s := range scores {
		if of(s) {
			list = append(list, s)
		}
	}
	return list
}

// recordingTable has a row for each recording.
func recordingTable(scores []*score) string {
	var b strings.Builder
	b.WriteString("| recording | misreads | R | P | PL | possible: right / said | own reply, strongly: wrong / said | accused by |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range scores {
		recall := "-"
		if s.misreads > 0 {
			recall = ratio(s.recall())
		}
		o, possible := s.least(own, reader.Strong), s.claims[misread][reader.Possible]
		strong, likely := s.least(misread, reader.Strong), s.least(misread, reader.Likely)
		accused := ""
		if s.misreads == 0 {
			accused = strings.Join(s.accuses, " ")
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %d / %d | %d / %d | %s |\n", strings.TrimSuffix(s.name, ".client"), s.misreads, recall,
			strong.permille(), likely.permille(), possible.right, possible.said, o.wrong(), o.said, accused)
	}
	return b.String()
}

// brokenTable lists the recordings on which strong claims are too often wrong.
func brokenTable(scores []*score) string {
	var b strings.Builder
	b.WriteString("| recording | the caller got | word, or surer | claims | right | share | common to them |\n|---|---|---|---|---|---|---|\n")
	for _, s := range scores {
		for k := range numKinds {
			for _, w := range []reader.Word{reader.Strong, reader.Likely} {
				if c, ok := s.short(k, w); !ok {
					fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %s | %s |\n", s.name, kindTexts[k], w, c.said, c.right, c.permille(), broken[s.name])
				}
			}
		}
	}
	return b.String()
}
