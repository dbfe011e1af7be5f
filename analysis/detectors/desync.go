package detectors

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// occurrence makes an occurrence of a desynchronised connection.
func occurrence(d *desync.Desync) incident.Occurrence {
	o := incident.Occurrence{
		Client: d.Client, Server: d.Server, Library: d.Library.Name, Policy: d.Use.Policy.String(), Conn: d.Conn,
		Time: d.First, Last: d.LastTime, Severity: incident.High,
	}
	if d.Wait.T > 0 {
		o.Timeout = incident.Setting(d.Wait.T)
	}
	if d.NVictims > 0 && (d.Strongest > pairing.Possible || stale(d)) {
		o.Severity = incident.Critical
	}
	return o
}

// stale reports whether a client that takes turns by its library or by the user's word was seen to go on before any byte
// came: what is only possible there is since when its connection was behind, and that no capture which begins later shows.
func stale(d *desync.Desync) bool {
	return d.StaleReads > 0 && d.Use.Basis >= client.Guessed && d.Use.Policy.TakesTurns()
}

// unaccused lowers the severity of what is only possible: nobody is accused of that.
func unaccused(o incident.Occurrence) incident.Occurrence {
	if o.Confidence <= pairing.Possible {
		o.Severity = min(o.Severity, incident.Low)
	}
	return o
}

// unaccusedOf is unaccused for the occurrences of a connection.
func unaccusedOf(d *desync.Desync, o incident.Occurrence) incident.Occurrence {
	if stale(d) {
		return o
	}
	return unaccused(o)
}

// first returns the first abandonment for one of the given reasons.
func first(d *desync.Desync, why ...desync.Why) *desync.Abandonment {
	for i := range d.Abandoned {
		for _, w := range why {
			if d.Abandoned[i].Why == w {
				return &d.Abandoned[i]
			}
		}
	}
	return nil
}

// handedOn says what happened at an abandonment, in sentences with their frames.
func handedOn(r *analysis.Run, d *desync.Desync, a *desync.Abandonment) incident.Example {
	g, n := &a.Given, &a.Next
	e := incident.Example{
		Conn: d.Conn, Client: d.Client, Server: d.Server, File: r.File(n.File), Time: n.Time,
		Frames: frames(g.Frame, n.Frame), Victims: d.Victims,
	}
	switch a.Why {
	case desync.ByAck:
		reply := "any reply"
		if g.Served {
			reply = "the reply"
		}
		ack := fmt.Sprintf("ACK %d: no byte of %s had arrived", rel(n.Ack), reply)
		if g.Served {
			ack = fmt.Sprintf("ACK %d < %d: no byte of the reply had arrived", rel(n.Ack), rel(g.Serves.End))
		}
		e.Facts = append(e.Facts, ack,
			fmt.Sprintf("%s was sent with ack %d, before any byte of %s's reply", called(n), rel(n.Ack), g.CommandName()))
	case desync.ByHalf:
		e.Facts = append(e.Facts, fmt.Sprintf("ACK %d lies inside the reply [%d,%d): %d bytes of it were still to come",
			rel(n.Ack), rel(g.Serves.Start), rel(g.Serves.End), g.Serves.End-n.Ack))
	case desync.ByTimeout:
		took := g.Serves.FirstTime.Sub(g.EndTime)
		if d.Wait.T > 0 && took >= d.Wait.T {
			e.Facts = append(e.Facts, fmt.Sprintf("the reply came %s after %s, and this client gives up after %s", ms(took), g.CommandName(), nominal(d.Wait.T)))
		} else {
			e.Facts = append(e.Facts, fmt.Sprintf("the reply came %s after %s; what follows on the connection only fits a caller that had given up by then",
				ms(took), g.CommandName()))
		}
	case desync.ByInference:
		e.Facts = append(e.Facts, fmt.Sprintf("the reply took %s; what follows on the connection only fits a caller that had given up",
			ms(g.Serves.FirstTime.Sub(g.EndTime))))
	}
	e.Facts = append(e.Facts, fmt.Sprintf("%s (frame %d) was followed by %s (frame %d) after %s without a reply in between",
		named(r, g), g.Frame, called(n), n.Frame, seconds(a.Gap)))
	if a.Why == desync.ByTimeout || a.Why == desync.ByInference {
		e.Facts[len(e.Facts)-1] = fmt.Sprintf("%s (frame %d) was answered in frame %d; %s (frame %d) came after it on the same connection",
			named(r, g), g.Frame, g.Serves.Frame, called(n), n.Frame)
	}
	if g.AckedFrame > 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("the server's kernel had acknowledged it after %s (frame %d): the network was not the cause",
			ms(g.AckedTime.Sub(g.EndTime)), g.AckedFrame))
	}
	if g.Served && (a.Why == desync.ByAck || a.Why == desync.ByHalf) {
		e.Facts = append(e.Facts, fmt.Sprintf("the late reply came in frame %d, %s after its command and %s after the next one",
			g.Serves.Frame, seconds(g.Serves.Time.Sub(g.EndTime)), seconds(g.Serves.Time.Sub(n.Time))))
		e.Frames = frames(g.Frame, n.Frame, g.Serves.Frame)
	}
	e.Facts = append(e.Facts, fmt.Sprintf("replies owed to the connection's callers: %d before, %d after", g.Owed, a.Owed))
	e.Ladder = ladder(r, a)
	return e
}

// ladder lists the packets of an abandonment in time order.
func ladder(r *analysis.Run, a *desync.Abandonment) []incident.Step {
	g, n := &a.Given, &a.Next
	steps := []incident.Step{command(r, g)}
	if g.AckedFrame > 0 && g.AckedFrame != g.Serves.Frame {
		steps = append(steps, incident.Step{Frame: g.AckedFrame, Time: g.AckedTime, Ack: rel(g.End), What: "ACK only",
			Mark: "the server's kernel has it, " + ms(g.AckedTime.Sub(g.EndTime)) + " later"})
	}
	late := incident.Step{}
	if g.Served {
		late = incident.Step{Frame: g.Serves.Frame, Time: g.Serves.Time, Seq: rel(g.Serves.Start), Ack: rel(g.Serves.K),
			Length: int(g.Serves.Bytes()), What: r.Describe(g, &g.Serves), Mark: "the reply to " + g.CommandName()}
	}
	next := command(r, n)
	next.Mark = fmt.Sprintf("%s later, on the same connection", seconds(a.Gap))
	steps = append(steps, next)
	if g.Served {
		if g.Serves.Time >= n.Time {
			late.Mark += ", too late"
		}
		steps = append(steps, late)
	}
	slices.SortStableFunc(steps, func(x, y incident.Step) int { return cmp.Compare(x.Time, y.Time) })
	return steps
}

func command(r *analysis.Run, ex *pairing.Exchange) incident.Step {
	return incident.Step{
		Frame: ex.Frame, Time: ex.Time, FromClient: true, Seq: rel(ex.Start), Ack: rel(ex.Ack), Length: int(ex.End - ex.Start),
		What: strings.TrimSpace(ex.CommandName() + " " + r.Key(ex)),
	}
}

// called names a command with its article-free name.
func called(ex *pairing.Exchange) string { return ex.CommandName() }

// rel is a stream offset as Wireshark shows it.
func rel(offset int64) int64 { return offset + 1 }

// frames lists frame numbers without repetition.
func frames(list ...int64) []int64 {
	var out []int64
	for _, f := range list {
		if f > 0 && (len(out) == 0 || out[len(out)-1] != f) {
			out = append(out, f)
		}
	}
	return out
}

// ms prints a duration in milliseconds with three decimals.
func ms(d time.Duration) string {
	return fmt.Sprintf("%.3f ms", float64(d)/float64(time.Millisecond))
}

// seconds prints a duration in the unit that suits it, to the microsecond.
func seconds(d time.Duration) string {
	if d < 100*time.Millisecond {
		return ms(d)
	}
	return fmt.Sprintf("%.6f s", d.Seconds())
}

func at(t capture.Time) string { return t.Std().Format("15:04:05.000000") }

// closeAdvice is what to change in a client that reuses dirty connections, by library.
func closeAdvice(library string) string {
	switch library {
	case "jedis":
		return "Jedis before 2.7.3: upgrade to 2.7.3 or later (the cluster retry path released broken connections)."
	case "redis-py":
		return "redis-py asyncio before 4.5.4: upgrade; 4.5.4 or 4.4.4 is the first safe release."
	case "redis-rs":
		return "redis-rs before 0.27: upgrade."
	case "go-redis":
		return "go-redis before December 2020 (v8.4.0): upgrade."
	}
	return "Look for the code path that catches the timeout."
}
