package scenario

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	ruleID      = regexp.MustCompile(`^RS[1-9]\d\d$`)
	confidences = []string{"possible", "likely", "strong", "proven"}
)

// note reads a comment that says what must be reported because of action a, or at all where a is nil. A comment on a
// line inside a loop counts once, for the first round.
func (p *parser) note(comment string, a *action) {
	rest, ok := strings.CutPrefix(comment, "want ")
	if !ok || p.noted[p.line] {
		return
	}
	p.noted[p.line] = true
	if before, _, ok := strings.Cut(rest, ": "); ok {
		rest = before
	}
	for _, one := range strings.Split(rest, ",") {
		f := strings.Fields(one)
		if len(f) == 0 {
			p.fail("want what?")
			return
		}
		w := Want{Rule: f[0], Min: 1, Line: p.line}
		if a != nil {
			w.Conn, w.Command, w.Time = a.conn.name, a.command, p.s.Time(a.at)
		}
		switch {
		case w.Rule == "none" || w.Rule == "nothing":
			w.Rule, w.Min = "none", 0
		case !ruleID.MatchString(w.Rule):
			p.fail("want: %q is not a rule", w.Rule)
			return
		}
		for _, word := range f[1:] {
			if !p.wantWord(&w, word) {
				p.fail("want: unknown word %q", word)
				return
			}
		}
		p.s.Wants = append(p.s.Wants, w)
	}
}

func (p *parser) wantWord(w *Want, word string) bool {
	if slices.Contains(confidences, word) {
		w.Confidence = word
		return true
	}
	key, value, _ := strings.Cut(word, "=")
	if key == "conn" {
		w.Conn = value
		return true
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return false
	}
	switch key {
	case "count":
		w.Min, w.Max = n, n
	case "min":
		w.Min = n
	case "max":
		w.Max = n
	case "command":
		w.Command = n
	default:
		return false
	}
	return true
}

// pairing reads "c1 5 <- 4 strong" or "c1 5 <- none".
func (p *parser) pairing(key string, args []string) {
	if len(args) < 4 || len(args) > 5 || args[2] != "<-" {
		p.fail("%s CONN COMMAND <- REPLY|none [CONFIDENCE]", key)
		return
	}
	r := Pairing{Conn: args[0], Line: p.line}
	var err error
	if r.Command, err = strconv.Atoi(args[1]); err != nil || r.Command < 1 {
		p.fail("%s: %q is not a command's number", key, args[1])
		return
	}
	if args[3] != "none" {
		if r.Reply, err = strconv.Atoi(args[3]); err != nil || r.Reply < 1 {
			p.fail("%s: %q is not a command's number", key, args[3])
			return
		}
	}
	if len(args) == 5 {
		if r.Confidence = args[4]; !slices.Contains(confidences, r.Confidence) {
			p.fail("%s: %q is not a confidence", key, r.Confidence)
			return
		}
	}
	if key == "believes" {
		p.s.Believes = append(p.s.Believes, r)
	} else {
		p.s.Serves = append(p.s.Serves, r)
	}
}
