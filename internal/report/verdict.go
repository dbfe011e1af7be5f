package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
)

// Verdict is what a run means: one word of a table, one sentence, and the exit code that follows.
type Verdict struct {
	Word     Word
	Sentence string
	Doubts   []Doubt // what could hide, and what would decide it; of any verdict
	Exit     int     // 0, 1 or 2
}

// Word is the verdict in a word or two.
type Word string

// The words, in the order of docs/verdicts.md.
const (
	WordDesync         Word = "DESYNC"
	WordConnection     Word = "CONNECTION FAULT"
	WordTopology       Word = "TOPOLOGY FAULT"
	WordServer         Word = "SERVER FAULT"
	WordClean          Word = "CLEAN"
	WordKnown          Word = "KNOWN" // nothing but what the baseline accepts
	WordUndecided      Word = "UNDECIDED"
	WordNothingRead    Word = "NOTHING READ"
	WordNoRedis        Word = "NO REDIS"
	WordEncrypted      Word = "ENCRYPTED"
	WordNothingMatched Word = "NOTHING MATCHED"
)

// Doubt is something that a fault could hide behind.
type Doubt struct {
	Why    string `json:"why"`              // half a sentence
	Decide string `json:"decide,omitempty"` // the flags that would decide it; empty: none would
}

// Gate says what makes a run fail. The zero value is that of the command without flags.
type Gate struct {
	Level           incident.Severity // least severity that fails; Info: High
	Never           bool              // no finding fails
	Strict          bool              // UNDECIDED is 2
	AllowEmpty      bool              // nothing looked at is 0
	AllowIncomplete bool              // input that was not read whole is 0
}

func (g Gate) level() incident.Severity {
	if g.Level == incident.Info {
		return incident.High
	}
	return g.Level
}

// Fails reports whether a fault of this severity makes a run fail.
func (g Gate) Fails(s incident.Severity) bool { return !g.Never && s >= g.level() }

// Judge gives the document its verdict. Without it the writers judge by the zero Gate.
func (d *Document) Judge(g Gate) Verdict {
	v := d.judge(g)
	d.Judged = &v
	return v
}

func (d *Document) Current() *Verdict {
	if d.Judged == nil {
		v := d.judge(Gate{})
		return &v
	}
	return d.Judged
}

// judge goes through the table from its first row on.
func (d *Document) judge(g Gate) Verdict {
	v := Verdict{Doubts: slices.Clone(d.Doubts)}
	quality, _ := d.Split()
	for _, f := range quality {
		if f.Severity > incident.Info {
			v.Doubts = append(v.Doubts, Doubt{Why: fmt.Sprintf("the capture hides part of the traffic: %s %s, %s", f.Rule, f.Name, f.Title)})
		}
	}
	fails := slices.ContainsFunc(d.Findings, func(f incident.Finding) bool { return g.Fails(f.Severity) })
	in := d.Worst()
	if fails {
		v.Exit = 1
	}
	if in != nil && (g.Fails(in.Severity) || d.Summary.Commands == 0 && in.Severity > incident.Low) {
		v.Word, v.Sentence = WordOf(in.Class), d.faultText(in, "")
		if d.Summary.Commands == 0 && d.Quality.Encrypted > 0 {
			v.raise(2, !g.AllowEmpty) // what it could not read may be worse
		}
		return v
	}
	if empty, word, sentence := d.empty(); empty {
		v.Word, v.Sentence = word, sentence
		v.raise(2, d.Complete && !g.AllowEmpty || !d.Complete && !g.AllowIncomplete)
		return v
	}
	found := d.foundText()
	switch {
	case !d.Complete:
		v.Doubts = append([]Doubt{{Why: d.incomplete()}}, v.Doubts...)
		v.raise(2, !g.AllowIncomplete)
		fallthrough
	case len(v.Doubts) > 0:
		v.Word, v.Sentence = WordUndecided, found+", but a fault could hide there: "+v.Doubts[0].Why
		if more := len(v.Doubts) - 1; more > 0 {
			v.Sentence += ", and for " + Count(int64(more), "more reason")
		}
		v.Sentence += "."
		v.raise(2, g.Strict)
	case in != nil && in.Severity > incident.Low:
		v.Word, v.Sentence = WordOf(in.Class), d.faultText(in, "; nothing as bad as --fail-on "+g.level().String())
		if g.Never {
			v.Sentence = d.faultText(in, "")
		}
	case len(d.Suppressed) > 0:
		v.Word = WordKnown
		v.Sentence = fmt.Sprintf("nothing but %s that the baseline accepts, in %s.", Count(int64(len(d.Suppressed)), "finding"), Count(d.Summary.Commands, "command"))
	default:
		v.Word, v.Sentence = WordClean, found+"."
	}
	return v
}

// incomplete says why a clean result cannot be trusted.
func (d *Document) incomplete() string {
	for _, b := range d.Quality.Bounds {
		if b.Loses == Evidence {
			return fmt.Sprintf("the limit of %s was reached", Printable(b.Name))
		}
	}
	if d.Quality.Failed > 0 {
		return "the analysis failed inside"
	}
	return "the input was not read whole"
}

// raise sets the exit code where nothing decisive has.
func (v *Verdict) raise(code int, when bool) {
	if when && v.Exit == 0 {
		v.Exit = code
	}
}

// worst returns the worst incident, nil without one.
func (d *Document) Worst() *incident.Incident {
	if len(d.Incidents) == 0 {
		return nil
	}
	return &d.Incidents[0]
}

func WordOf(c incident.Class) Word { return Word(strings.ToUpper(c.String())) }

// faultText is the headline of an incident. What was not read whole, or is of less weight, is said behind it.
func (d *Document) faultText(in *incident.Incident, but string) string {
	text := fmt.Sprintf("%s; %s, %s", Printable(in.Title), in.Severity, OrDash(in.Confidence.String()))
	more := 0
	for i := range d.Incidents {
		if x := &d.Incidents[i]; x.ID != in.ID && x.Severity > incident.Low {
			more++
		}
	}
	if more > 0 {
		text += "; and " + Count(int64(more), "more incident")
	}
	if !d.Complete {
		text += "; " + d.incomplete()
	}
	return text + but + "."
}

// foundText says that there is no fault in what was looked at.
func (d *Document) foundText() string {
	s := &d.Summary
	where := fmt.Sprintf("in %s on %s", Count(s.Commands, "command"), Count(s.Redis, "Redis connection"))
	if len(d.Incidents) == 0 {
		return "no fault found " + where
	}
	if in := d.Worst(); in.Severity > incident.Low {
		return fmt.Sprintf("nothing worse than %s %s", in.Severity, where)
	}
	return fmt.Sprintf("no harm found %s; %s", where, CountAs(int64(len(d.Incidents)), "harmless incident", "harmless incidents"))
}

// empty reports whether no command was looked at, and says why.
func (d *Document) empty() (empty bool, word Word, sentence string) {
	s, q := &d.Summary, &d.Quality
	if s.Commands > 0 && !s.Unmatched {
		return false, "", ""
	}
	x := s.Filtered
	switch {
	case s.Packets == 0:
		return true, WordNothingRead, "there was no packet to judge."
	case x != nil && (x.Connections > 0 || s.Unmatched):
		return true, WordNothingMatched, fmt.Sprintf("none of the commands in the capture is one that %s %s.", Printable(strings.Join(x.By[:min(len(x.By), maxFlags)], ", ")),
			map[bool]string{true: "chooses", false: "choose"}[len(x.By) == 1])
	case q.Encrypted > 0:
		return true, WordEncrypted, d.encryptedText()
	}
	sentence = "no Redis command in " + Count(s.Connections, "connection")
	switch {
	case q.Undecodable > 0:
		sentence += fmt.Sprintf(": %s of %s could not be decoded", Group(q.Undecodable), Count(s.Packets, "packet"))
		if links := d.links(); links != "" {
			sentence += ", " + links
		}
	case s.Connections == 0 && q.Fragments > 0:
		sentence += fmt.Sprintf(": %s could not be put together", CountAs(q.Fragments, "fragmented packet", "fragmented packets"))
	case s.Connections == 0 && q.NotTCP > 0:
		sentence += fmt.Sprintf(": %s of %s carry no TCP that can be read: ", Group(q.NotTCP), Count(s.Packets, "packet")) + q.unread()
	case q.Unparsed > 0:
		sentence += fmt.Sprintf(": %s another protocol; if one is Redis, give its port with --port", CountAs(q.Unparsed, "carries", "carry"))
	case s.Connections > 0:
		sentence += "; if one is Redis, give its port with --port"
	}
	return true, WordNoRedis, sentence + "."
}

// encryptedText says that no command could be read, and what was looked at all the same: nothing was found in it.
func (d *Document) encryptedText() string {
	q := &d.Quality
	text := fmt.Sprintf("%s encrypted with TLS, and no command could be read", CountAs(q.Encrypted, "connection is", "connections are"))
	if q.SealedWrites == 0 {
		return text + "; --keylog reads them."
	}
	text += fmt.Sprintf("; the ACK numbers of %s show ", Count(q.SealedWrites, "write"))
	switch in := d.Worst(); {
	case in == nil:
		text += "no caller that gave up, and no connection used again with a reply owed"
	default:
		text += Printable(in.Title) + " (" + in.Confidence.String() + ")"
	}
	return text + "; --keylog reads the rest."
}

// unread names what the packets without TCP carry.
func (q *Quality) unread() string {
	if len(q.Unread) == 0 {
		return "another protocol, or a tunnel that is not known here"
	}
	var parts []string
	left := q.NotTCP
	for _, u := range q.Unread[:min(len(q.Unread), 3)] {
		if strings.HasPrefix(u.What, "link type ") {
			continue // none of the packets that were decoded
		}
		left -= u.Packets
		parts = append(parts, fmt.Sprintf("%s %s", CountAs(u.Packets, "carries", "carry"), Printable(u.What)))
	}
	if left > 0 {
		parts = append(parts, CountAs(left, "carries", "carry")+" something else")
	}
	return strings.Join(parts, ", ")
}

// links names the link types that were not decoded, else those of the inputs.
func (d *Document) links() string {
	var all []string
	for _, u := range d.Quality.Unread {
		if strings.HasPrefix(u.What, "link type ") {
			all = append(all, Printable(u.What))
		}
	}
	if len(all) > 0 {
		return strings.Join(all[:min(len(all), 3)], ", ")
	}
	for i := range d.Input {
		for _, l := range d.Input[i].LinkTypes {
			if l = Printable(l); !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "link type " + strings.Join(all[:min(len(all), 3)], ", ")
}

// Rank sorts findings for people: RS9xx first, then the worst severity, the surest confidence, the most occurrences,
// and by rule and fingerprint, so that the order never depends on how the run went.
func Rank(fs []incident.Finding) {
	slices.SortStableFunc(fs, func(a, b incident.Finding) int {
		if qa, qb := incident.IsQuality(a.Rule), incident.IsQuality(b.Rule); qa != qb {
			if qa {
				return -1
			}
			return 1
		}
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(b.Count, a.Count),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
}

type verdictWire struct {
	Word     string `json:"word"`
	Sentence string `json:"sentence"`
	Exit     int    `json:"exit"`
}

func wireVerdict(v *Verdict) *verdictWire {
	return &verdictWire{string(v.Word), Printable(v.Sentence), v.Exit}
}

// maxFlags bounds the flags that a sentence names.
const maxFlags = 8
