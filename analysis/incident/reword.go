package incident

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// counted is a text with the numbers that it was made with.
type counted struct {
	text               string
	count, connections int
}

// numeral is a number of a text, with the word behind it and the verb behind that, which agree with it.
var numeral = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(^|[ (])(\d+)( [a-z]+)?( (?:was|is|has)\b)?`)
})

// reworded gives the text that a rule would have made with the sum of the counts: it puts the new numbers in place of the old
// ones. A number that is none of the counts is a measure, of which the greatest is given.
func reworded(texts []counted, count, connections int) string {
	model := slices.MaxFunc(texts, func(a, b counted) int { return cmp.Compare(a.count, b.count) })
	if !slices.ContainsFunc(texts, func(t counted) bool { return t.text != model.text }) && model.count == count {
		return model.text
	}
	var b strings.Builder
	at := 0
	for _, m := range numeral().FindAllStringSubmatchIndex(model.text, -1) {
		n, err := strconv.Atoi(model.text[m[4]:m[5]])
		noun, verb := "", ""
		if m[6] >= 0 {
			noun = model.text[m[6]:m[7]]
		}
		if m[8] >= 0 {
			verb = model.text[m[8]:m[9]]
		}
		isCount, isConns := n == model.count, n == model.connections && connections > 0
		if isCount && isConns { // of two equal numbers the words decide
			isConns = strings.HasPrefix(noun, " connection")
			isCount = !isConns
		}
		now := n
		switch {
		case err != nil:
			continue
		case isCount:
			now = count
		case isConns:
			now = connections
		}
		if now == n {
			continue
		}
		if n == 1 && noun != "" {
			noun, verb = plural(noun), pluralVerbs[verb]
		}
		b.WriteString(model.text[at:m[4]])
		b.WriteString(strconv.Itoa(now) + noun + verb)
		at = m[1]
	}
	return b.String() + model.text[at:]
}

var pluralVerbs = map[string]string{" was": " were", " is": " are", " has": " have"}

// plural makes the plural of a noun of the rules' texts.
func plural(noun string) string {
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return stem + "ies"
	}
	return noun + "s"
}
