package analysis

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Story is findings that led to one another, told from the first cause on.
type Story struct {
	Sentence string // all of it in one sentence
	Steps    []StoryStep
	// Conn is the connection whose fate the steps' examples follow; 0 where none has them all.
	Conn           int64
	Client, Server netip.AddrPort
}

// StoryStep is one kind of fault in a story, with the findings that report it.
type StoryStep struct {
	Rule        string // "RS401"
	Name        string
	Findings    []string // fingerprints, worst first
	First, Last capture.Time
	Count       int
	What        string // "2 servers stood still 3 times, up to 2.2 s"
	// Example says what this step was on the story's connection, with the frames that show it; empty where it has none.
	Example string
	Frames  []int64
	Time    capture.Time // of the example, else First
}

// plots orders the rules of a story by their place in a chain of causes, and says each in words: %d is the count, %s the
// word for it in the right number.
var plots = []struct {
	rule, one, many string
	conns           bool // count connections, not occurrences
}{
	{"RS307", "a failover made 1 command fail", "failovers made %d commands fail", false},
	{"RS402", "1 command reached the server late or never", "%d commands reached the server late or never", false},
	{"RS401", "a server stood still once", "servers stood still %d times", false},
	{"RS210", "1 read timed out", "%d reads timed out", false},
	{"RS211", "1 call was cancelled", "%d calls were cancelled", false},
	{"RS113", "1 write was torn", "%d writes were torn", false},
	{"RS114", "1 connection was shared by two writers", "%d connections were shared by two writers", true},
	{"RS110", "1 connection kept replies of its set-up", "%d connections kept replies of their set-up", true},
	{"RS115", "1 reply was left half read", "%d replies were left half read", false},
	{"RS406", "1 failing AUTH got no reply", "%d failing AUTHs got no reply", false},
	{"RS407", "1 command got two redirects", "%d commands got two redirects", false},
	{"RS408", "1 EXEC was short", "%d EXECs were short", false},
	{"RS107", "1 reply came that nobody asked for", "%d replies came that nobody asked for", false},
	{"RS108", "1 command got no reply", "%d commands got no reply", false},
	{"RS101", "1 connection was used again with a reply owed", "%d connections were used again with a reply owed", true},
	{"RS102", "1 connection was used again after a reply that came too late", "%d connections were used again after a reply that came too late", true},
	{"RS104", "1 connection was already behind", "%d connections were already behind", true},
	{"RS103", "1 caller got another command's reply", "%d callers got another command's reply", false},
	{"RS106", "1 redirect was taken for a key that it is not about", "%d redirects were taken for keys that they are not about", false},
	{"RS105", "1 reply could not answer its command", "%d replies could not answer their commands", false},
	{"RS117", "1 consistency check of the client failed", "%d consistency checks of the client failed", false},
	{"RS109", "1 late reply was read by QUIT (harmless)", "%d late replies were read by QUIT (harmless)", false},
	{"RS202", "1 pool was leaked", "pools were leaked", false},
	{"RS203", "idle connections were closed and opened once", "idle connections were closed and opened again %d times", false},
	{"RS201", "1 connection was lost to its pool", "%d connections were lost to their pools", true},
	{"RS204", "1 new connection was refused", "%d new connections were refused", false},
	{"RS206", "1 command was written into a closed connection", "%d commands were written into closed connections", false},
	{"RS208", "a pool ran out of connections", "pools ran out of connections %d times", false},
	{"RS111", "1 transaction was torn", "%d transactions were torn", false},
	{"RS302", "1 redirect pointed back to its node", "%d redirects pointed back to their nodes", false},
	{"RS305", "1 redirect led in a circle", "%d redirects led in a circle", false},
}

// Stories tells findings by cause: one story for each set of findings that their Causes tie together, the one with the
// worst end first. Causes are those that Detect has filled in; findings that were left out are left out of it too.
func (r *Run) Stories(findings []Finding) []Story {
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
	parts := map[int][]*Finding{}
	var order []int
	for i := range findings {
		if !tied[i] {
			continue
		}
		k := find(i)
		if parts[k] == nil {
			order = append(order, k)
		}
		parts[k] = append(parts[k], &findings[i])
	}
	var all []Story
	for _, k := range order {
		all = append(all, r.tell(parts[k]))
	}
	return all
}

// tell makes a story of findings that belong together.
func (r *Run) tell(part []*Finding) Story {
	byRule := map[string][]*Finding{}
	for _, f := range part {
		byRule[f.Rule] = append(byRule[f.Rule], f)
	}
	var st Story
	hero := r.hero(byRule)
	if hero != nil {
		st.Conn, st.Client, st.Server = hero.conn, hero.client, hero.server
	}
	var words []string
	for i := range plots {
		fs := byRule[plots[i].rule]
		if len(fs) == 0 {
			continue
		}
		step := StoryStep{Rule: fs[0].Rule, Name: fs[0].Name, First: fs[0].First}
		n := 0
		for _, f := range fs {
			step.Findings = append(step.Findings, f.Fingerprint)
			step.First, step.Last = min(step.First, f.First), max(step.Last, f.Last)
			step.Count += f.Count
			if n += f.Count; plots[i].conns {
				n += f.Connections - f.Count
			}
		}
		step.What = plots[i].one
		if n != 1 {
			step.What = strings.Replace(plots[i].many, "%d", fmt.Sprint(n), 1)
		}
		if plots[i].rule == "RS401" {
			step.What = r.standstills(fs, n)
		}
		step.Time = step.First
		if hero != nil {
			r.exemplify(&step, hero, fs)
		}
		words = append(words, step.What)
		st.Steps = append(st.Steps, step)
	}
	st.Sentence = strings.Join(words, ", then ") + "."
	st.Sentence = strings.ToUpper(st.Sentence[:1]) + st.Sentence[1:]
	return st
}

// standstills says how often and how long servers stood still.
func (r *Run) standstills(fs []*Finding, n int) string {
	longest := time.Duration(0)
	for _, st := range r.topology.Stalls() {
		for _, f := range fs {
			if st.Server == f.Server {
				longest = max(longest, st.Duration())
			}
		}
	}
	who := "the server " + fs[0].Server.String()
	if len(fs) > 1 {
		who = fmt.Sprintf("%d servers", len(fs))
	}
	if n == 1 {
		return fmt.Sprintf("%s stood still for %.3f s", who, longest.Seconds())
	}
	return fmt.Sprintf("%s stood still %d times, up to %.3f s", who, n, longest.Seconds())
}

// exemplify fills in what a step was on one connection.
func (r *Run) exemplify(step *StoryStep, h *fate, fs []*Finding) {
	a := &h.abandoned
	switch step.Rule {
	case "RS401":
		st := r.topology.StallBehind(h.server, a.from, a.to)
		if st == nil {
			return
		}
		step.Time = st.Start
		step.Frames = []int64{st.StartFrame, st.EndFrame}
		step.Example = fmt.Sprintf("%s answered nobody from %s to %s (%.3f s)", h.server, clock(st.Start), clock(st.End), st.Duration().Seconds())
	case "RS210", "RS211":
		step.Time, step.Frames = a.to, []int64{a.frame}
		step.Example = fmt.Sprintf("%s had no reply after %.3f s", a.command, a.to.Sub(a.from).Seconds())
	case "RS101", "RS102", "RS104", "RS110", "RS115":
		if h.rule != step.Rule {
			return
		}
		step.Time, step.Frames = h.reused, []int64{a.frame, h.reusedFrame}
		step.Example = fmt.Sprintf("%s was written although the reply to %s was owed", h.next, a.command)
		if step.Rule == "RS102" {
			step.Example = fmt.Sprintf("%s was written after %s had been given up; its reply had come too late, and was still unread", h.next, a.command)
		}
	case "RS103":
		if h.victims == 0 {
			return
		}
		step.Time, step.Frames = h.victimTime, []int64{h.victimFrame}
		step.Example = h.victim
	default:
		for _, f := range fs {
			for i := range f.Examples {
				if e := &f.Examples[i]; e.Conn == h.conn && len(e.Facts) > 0 {
					step.Time, step.Frames, step.Example = e.Time, slices.Clone(e.Frames), e.Facts[0]
					return
				}
			}
		}
	}
	step.Frames = slices.DeleteFunc(step.Frames, func(f int64) bool { return f == 0 })
}

func clock(t capture.Time) string { return t.Std().Format("15:04:05.000000") }
