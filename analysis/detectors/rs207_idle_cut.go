package detectors

import (
	"fmt"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/bound"
)

// IdleCut is RS207: a device on the path that forgets connections after some time of silence.
func IdleCut() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS207", Name: "idle-cut", Severity: analysis.Medium, Since: "0.1.0",
		Summary: "connections were dead after the same time of silence: something between drops them",
		Params: []analysis.Param{
			{Name: "min_cuts", Default: "2", Meaning: "connections that must have died after the same silence, to within 5 %"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &cuts{r: r, links: map[*analysis.Link]*silences{}, bound: r.EvidenceBound(maxCuts, "dead connections", "further connections that a silence cut")}
			w.after = analysis.Keep(r.Collector, analysis.Texts[time.Duration]{
				Title: func(f *analysis.Finding, idle *time.Duration) string {
					return fmt.Sprintf("%s dead after %s of silence", was(f.Count, "connection"), every(idle.Round(time.Second)))
				},
				Remedy: func(_ *analysis.Finding, idle *time.Duration) string {
					return fmt.Sprintf("A device between client and server drops idle connections after at most %s%s. Set tcp-keepalive or a PING on idle "+
						"connections below half of that.", every(idle.Round(time.Second)), cutter(*idle))
				},
			})
			return analysis.Hooks{Ended: w.ended, Finish: w.finish}
		},
	}
}

const (
	maxCuts    = 1 << 12 // remembered of all links
	cutRepeats = 3       // transmissions again without any answer, that make a connection dead
	cutSpread  = 20      // silences are equal to within a 20th
)

// cuts collects connections that did not survive a silence.
type cuts struct {
	r     *analysis.Reporter
	links map[*analysis.Link]*silences
	order []*analysis.Link
	kept  int // dead connections remembered
	bound *bound.Bound
	after analysis.Facts[time.Duration] // the shortest silence that cut
}

// silences is what the connections of one link survived and what not.
type silences struct {
	survived time.Duration // the longest
	dead     []cut
}

// cut is one connection that was dead when the client wrote after a silence.
type cut struct {
	who      analysis.Occurrence
	idle     time.Duration
	write    analysis.Mark
	reset    analysis.Mark
	repeats  int
	ttl      uint8 // of the server
	weakened bool
}

func (c *cut) foreign() bool { return c.reset.Seen() && c.ttl != 0 && c.reset.TTL != c.ttl }

func (w *cuts) ended(e *analysis.Ended) {
	s := e.Session
	f := s.Facts()
	link := f.Link()
	if link == nil || f.Survived == 0 && !f.IdleWrite.Seen() {
		return
	}
	l := w.links[link]
	if l == nil {
		l = &silences{}
		w.links[link] = l
		w.order = append(w.order, link)
	}
	l.survived = max(l.survived, f.Survived)
	if !f.IdleWrite.Seen() || f.ServerFIN.Seen() || !f.ServerRST.Seen() && f.Repeats < cutRepeats || !w.bound.Admits(w.kept) {
		return
	}
	w.kept++
	l.dead = append(l.dead, cut{
		who:  analysis.Occurrence{Client: s.Client, Server: s.Server, Conn: s.ID, Time: f.IdleWrite.Time, Severity: analysis.Medium},
		idle: f.Idle, write: f.IdleWrite, reset: f.ServerRST, repeats: f.Repeats, ttl: f.ServerTTL, weakened: s.Lost[0]+s.Lost[1] > 0,
	})
}

// finish reports links on which enough connections died after the same silence and none survived as long a one.
func (w *cuts) finish(run *analysis.Run) {
	for _, link := range w.order {
		l := w.links[link]
		slices.SortStableFunc(l.dead, func(a, b cut) int { return int(a.idle - b.idle) })
		same := sameSilence(l.dead)
		if len(same) < w.r.Number("min_cuts") || l.survived >= same[0].idle {
			continue
		}
		foreign := 0
		for i := range same {
			if same[i].foreign() {
				foreign++
			}
		}
		for i := range same {
			c := &same[i]
			o := c.who
			switch {
			case foreign >= 2:
				o.Confidence = analysis.Strong
			case !c.reset.Seen():
				o.Confidence = analysis.Likely
			default:
				o.Confidence = analysis.Possible // a server that was started anew resets the same way
			}
			// A connection that survived a longer silence may be known only by what was lost.
			if o.Weakened = c.weakened || run.Topology().Lossy(o.Server); o.Weakened {
				o.Confidence = o.Confidence.Down()
			}
			o.Evidence = func() analysis.Example { return c.example(run, l.survived) }
			*w.after.Add(o) = same[0].idle
		}
	}
}

// sameSilence returns the largest run of silences that are equal to within 5 %.
func sameSilence(sorted []cut) []cut {
	var best []cut
	j := 0
	for i := range sorted {
		for j < len(sorted) && sorted[j].idle-sorted[i].idle <= sorted[i].idle/cutSpread {
			j++
		}
		if j-i > len(best) {
			best = sorted[i:j]
		}
	}
	return best
}

func (c *cut) example(run *analysis.Run, survived time.Duration) analysis.Example {
	e := analysis.Example{File: run.File(c.write.File), Frames: frames(c.write.Frame, c.reset.Frame)}
	e.Facts = append(e.Facts, fmt.Sprintf("after %s without a packet the client wrote (frame %d)", seconds(c.idle), c.write.Frame))
	e.Ladder = []analysis.Step{step(c.write, true, "data", seconds(c.idle)+" after the packet before")}
	if c.reset.Seen() {
		fact := fmt.Sprintf("the answer was a reset, %s later (frame %d), with TTL %d", ms(c.reset.Time.Sub(c.write.Time)), c.reset.Frame, c.reset.TTL)
		if c.foreign() {
			fact += fmt.Sprintf(" where the server's packets have %d: it comes from somewhere else", c.ttl)
		} else {
			fact += ", that of the server's packets: a restarted server is not ruled out"
		}
		e.Facts = append(e.Facts, fact)
		e.Ladder = append(e.Ladder, step(c.reset, false, "RST", ""))
	} else {
		e.Facts = append(e.Facts, fmt.Sprintf("nothing answered, and the data was sent again %d times", c.repeats))
	}
	if survived > 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("the longest silence that a connection survived is %s", seconds(survived)))
	}
	return e
}

// cutters are devices with a known idle timeout.
var cutters = []struct {
	after time.Duration
	name  string
}{
	{350 * time.Second, "an AWS network load balancer (350 s)"},
	{240 * time.Second, "an Azure load balancer (240 s)"},
	{600 * time.Second, "an Azure endpoint set to 600 s"},
}

// cutter names the device whose limit a silence has just passed.
func cutter(idle time.Duration) string {
	for _, c := range cutters {
		if idle >= c.after && idle <= c.after+c.after/cutSpread {
			return ", as " + c.name + " does"
		}
	}
	return ""
}
