package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

var (
	ruleID = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^RS[1-9]\d\d$`)
	})
	confidences = []string{"possible", "likely", "strong", "proven"}
)

// readWants reads what follows "want " in a comment. Each begins as on and is changed by its words.
func readWants(text string, on Want) ([]Want, error) {
	if before, _, ok := strings.Cut(text, ": "); ok {
		text = before
	}
	var wants []Want
	for _, one := range strings.Split(text, ",") {
		f := strings.Fields(one)
		if len(f) == 0 {
			return nil, errors.New("want what?")
		}
		w := on
		w.Rule, w.Min = f[0], 1
		switch {
		case w.Rule == "none" || w.Rule == "nothing":
			w.Rule, w.Min = "none", 0
		case !ruleID().MatchString(w.Rule):
			return nil, fmt.Errorf("want: %q is not a rule", w.Rule)
		}
		for _, word := range f[1:] {
			if !w.set(word) {
				return nil, fmt.Errorf("want: unknown word %q", word)
			}
		}
		wants = append(wants, w)
	}
	return wants, nil
}

// set reads one word behind the rule, and reports whether there is such a word.
func (w *Want) set(word string) bool {
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

// readPairing reads the arguments of a believes or serves statement: "c1 5 <- 4 strong" or "c1 5 <- none".
func readPairing(key string, args []string) (r Pairing, err error) {
	if len(args) < 4 || len(args) > 5 || args[2] != "<-" {
		return r, fmt.Errorf("%s CONN COMMAND <- REPLY|none [CONFIDENCE]", key)
	}
	r.Conn = args[0]
	if r.Command, err = strconv.Atoi(args[1]); err != nil || r.Command < 1 {
		return r, fmt.Errorf("%s: %q is not a command's number", key, args[1])
	}
	if args[3] != "none" {
		if r.Reply, err = strconv.Atoi(args[3]); err != nil || r.Reply < 1 {
			return r, fmt.Errorf("%s: %q is not a command's number", key, args[3])
		}
	}
	if len(args) == 5 {
		if r.Confidence = args[4]; !slices.Contains(confidences, r.Confidence) {
			return r, fmt.Errorf("%s: %q is not a confidence", key, r.Confidence)
		}
	}
	return r, nil
}
