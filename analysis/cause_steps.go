package analysis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/capture"
)

// Incident is findings that led to one another, from the first cause on.
type Incident struct {
	Sentence string // all of it in one sentence
	Steps    []CauseStep
	// Conn is the connection that the steps' examples follow; 0 where none has them all.
	Conn           int64
	Client, Server netip.AddrPort
}

// CauseStep is one kind of fault in an incident, with the findings that report it.
type CauseStep struct {
	Rule        string // "RS401"
	Name        string
	Findings    []string // fingerprints, worst first
	First, Last capture.Time
	Count       int
	What        string // "2 servers stalled 3 times, up to 2.2 s"
	// Example says what this step was on the incident's connection, with the frames that show it; empty where it has none.
	Example string
	Frames  []int64
	Time    capture.Time // of the example, else First
}

// StepText says a rule's step of an incident in words. A rule without one has no step.
type StepText struct {
	One, Many   string // "1 read timed out", "%d reads timed out"
	Connections bool   // count connections, not occurrences
	Shows       Shows
}

// Shows is what a step's example is taken from.
type Shows uint8

const (
	ShowsFact    Shows = iota // the first fact of the finding's own example on the connection
	ShowsStall                // the stall behind the connection's first abandoned command
	ShowsWait                 // the wait for that command's reply
	ShowsReuse                // the command written after it
	ShowsMisread              // the first caller that got another command's reply
)

// Incidents joins findings by cause: one incident for each set of findings that their Causes tie together, in the order
// of their first finding. Findings that were left out are left out of it too.
func (g *Register) Incidents(findings []Finding) (all []Incident) {
	for _, part := range connected(findings) {
		g.guarded(func() { all = append(all, g.incident(part)) })
	}
	return all
}

// connected returns the sets of two and more findings that causes tie together.
func connected(findings []Finding) (parts [][]*Finding) {
	byPrint := map[string]int{}
	for i := range findings {
		byPrint[findings[i].Fingerprint] = i
	}
	root := make([]int, len(findings)) // union-find
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	tied := map[int]bool{}
	for i := range findings {
		for _, c := range findings[i].Causes {
			if j, ok := byPrint[c]; ok && j != i {
				tied[i], tied[j] = true, true
				if a, b := find(i), find(j); a != b {
					root[max(a, b)] = min(a, b)
				}
			}
		}
	}
	at := map[int]int{}
	for i := range findings {
		if !tied[i] {
			continue
		}
		k, known := at[find(i)]
		if !known {
			k = len(parts)
			at[find(i)] = k
			parts = append(parts, nil)
		}
		parts[k] = append(parts[k], &findings[i])
	}
	return parts
}

// incident makes an incident of findings that belong together.
func (g *Register) incident(part []*Finding) Incident {
	byRule, ruleOf := map[string][]*Finding{}, map[string]string{}
	for _, f := range part {
		byRule[f.Rule] = append(byRule[f.Rule], f)
		ruleOf[f.Fingerprint] = f.Rule
	}
	var in Incident
	shown := g.exampleConnection(byRule)
	if shown != nil {
		in.Conn, in.Client, in.Server = shown.Conn, shown.Client, shown.Server
	}
	var words []string
	for _, rule := range causalOrder(byRule, ruleOf) {
		step, ok := g.step(byRule[rule], shown)
		if !ok {
			continue
		}
		words = append(words, step.What)
		in.Steps = append(in.Steps, step)
	}
	if in.Sentence = strings.Join(words, ", then ") + "."; len(words) > 0 {
		in.Sentence = strings.ToUpper(in.Sentence[:1]) + in.Sentence[1:]
	}
	return in
}

// step joins the findings of one rule. It is false for a rule that has no words for it.
func (g *Register) step(fs []*Finding, shown *Outcome) (step CauseStep, ok bool) {
	c := g.byRule[fs[0].Rule]
	if c == nil || c.rule.Step.One == "" {
		return step, false
	}
	text := &c.rule.Step
	step = CauseStep{Rule: fs[0].Rule, Name: fs[0].Name, First: fs[0].First}
	n := 0
	for _, f := range fs {
		step.Findings = append(step.Findings, f.Fingerprint)
		step.First, step.Last = min(step.First, f.First), max(step.Last, f.Last)
		step.Count += f.Count
		if n += f.Count; text.Connections {
			n += f.Connections - f.Count
		}
	}
	switch {
	case c.stepText != nil:
		step.What = c.stepText(fs, n)
	case n == 1:
		step.What = text.One
	default:
		step.What = strings.Replace(text.Many, "%d", fmt.Sprint(n), 1)
	}
	step.Time = step.First
	if shown != nil {
		g.exemplify(&step, text.Shows, shown, fs)
	}
	return step, true
}

// exampleConnection returns the outcome that shows the most of an incident: the earliest of those that most rules have
// findings about.
func (g *Register) exampleConnection(byRule map[string][]*Finding) *Outcome {
	var best *Outcome
	most := 0
	for i := range g.history.outcomes {
		x := &g.history.outcomes[i]
		n := 0
		for rule, fs := range byRule {
			if g.about(rule, fs, x) {
				n++
			}
		}
		if n > most || n == most && n > 0 && x.Abandoned.From < best.Abandoned.From {
			best, most = x, n
		}
	}
	return best
}

// about reports whether a rule's findings are about the connection of an outcome.
func (g *Register) about(rule string, fs []*Finding, x *Outcome) bool {
	if c := g.byRule[rule]; c != nil && c.rule.Step.Shows == ShowsStall {
		if _, ok := g.o.StallBehind.wait(&x.Abandoned); ok {
			return true
		}
	}
	return slices.ContainsFunc(fs, func(f *Finding) bool {
		group := g.group(f)
		if group == nil {
			return false
		}
		_, ok := group.conns[x.Conn]
		return ok
	})
}

// exemplify fills in what a step was on one connection.
func (g *Register) exemplify(step *CauseStep, shows Shows, x *Outcome, fs []*Finding) {
	a := &x.Abandoned
	switch shows {
	case ShowsStall:
		st, ok := g.o.StallBehind.wait(a)
		if !ok {
			return
		}
		step.Time = st.Start
		step.Frames = []int64{st.StartFrame, st.EndFrame}
		step.Example = fmt.Sprintf("%s answered nobody from %s to %s (%.3f s)", x.Server, clock(st.Start), clock(st.End), st.End.Sub(st.Start).Seconds())
	case ShowsWait:
		step.Time, step.Frames = a.To, []int64{a.Frame}
		step.Example = fmt.Sprintf("%s had no reply after %.3f s", a.Command, a.To.Sub(a.From).Seconds())
	case ShowsReuse:
		if x.Rule != step.Rule {
			return
		}
		step.Time, step.Frames = x.Reused, []int64{a.Frame, x.ReusedFrame}
		step.Example = fmt.Sprintf("%s was written although the reply to %s was owed", x.Next, a.Command)
		if x.Late {
			step.Example = fmt.Sprintf("%s was written after %s had been given up; its reply had come too late, and was still unread", x.Next, a.Command)
		}
	case ShowsMisread:
		if x.Misread == "" {
			return
		}
		step.Time, step.Frames, step.Example = x.MisreadTime, []int64{x.MisreadFrame}, x.Misread
	default:
		for _, f := range fs {
			for i := range f.Examples {
				if e := &f.Examples[i]; e.Conn == x.Conn && len(e.Facts) > 0 {
					step.Time, step.Frames, step.Example = e.Time, slices.Clone(e.Frames), e.Facts[0]
					return
				}
			}
		}
	}
	step.Frames = slices.DeleteFunc(step.Frames, func(f int64) bool { return f == 0 })
}

func clock(t capture.Time) string { return t.Std().Format("15:04:05.000000") }
