package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// CaptureLoss is RS901: packets that were on the network and are not in the capture. Bytes count as lost when their
// receiver acknowledged them, or waited for them in vain.
func CaptureLoss() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS901", Name: "capture-loss", Severity: incident.Low, Since: "0.1.0",
		Summary: "the capture lacks packets that were on the network",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &lossWatch{r: r}
			w.sums = incident.Keep(r.Collector, incident.Texts[losses]{
				Title: func(_ *incident.Finding, l *losses) string { return l.title() },
				Notes: w.notes,
				Remedy: func(*incident.Finding, *losses) string {
					return "Capture again with a larger buffer (tcpdump -B 65536), a narrower filter and without --immediate-mode, on a host that is not busy."
				},
			})
			return analysis.Hooks{Ended: w.ended, Finish: w.finish}
		},
	}
}

// lossWatch looks for what is missing.
type lossWatch struct {
	r    *analysis.Reporter
	sums incident.Facts[losses]
	sum  *losses // of the one finding; nil: none yet
}

// losses sums what is missing.
type losses struct {
	conns  int64 // with holes
	holes  int64
	bytes  int64
	silent int64 // packets without data, known from an echoed timestamp
	drops  capture.Drops
	read   int64 // packets in the capture
}

func (w *lossWatch) ended(e *analysis.Ended) {
	s := e.Session
	if h := s.Hidden(); h.Lost[0]+h.Lost[1] > 0 || h.Unechoed > 0 {
		w.lossy(s, h)
	}
}

func (w *lossWatch) lossy(s *analysis.Session, h pairing.Hidden) {
	lost := h.Lost[0] + h.Lost[1]
	level := incident.Info
	if lost > 0 {
		level = incident.Low
	}
	o := hiding(s, level)
	o.Count = max(h.Holes, 1)
	o.Evidence = func() incident.Example { return lossExample(w.r.Run(), &h) }
	w.sum = w.sums.Add(o)
	w.sum.silent += int64(h.Unechoed)
	if lost > 0 {
		w.sum.conns++
		w.sum.holes += int64(max(h.Holes, 1))
		w.sum.bytes += lost
	}
}

func lossExample(run *analysis.Run, h *pairing.Hidden) incident.Example {
	var x incident.Example
	if f := &h.First; f.Missing > 0 {
		x.File, x.Time, x.Frames = run.File(f.File), f.Time, frames(f.Frame)
		x.Facts = append(x.Facts, fmt.Sprintf("frame %d: the %s of the %s's stream before it, seq %d to %d, %s never captured",
			f.Frame, counted(f.Missing, "byte", "bytes"), sideName(f.FromClient), rel(f.Offset), rel(f.Offset+f.Missing), wasOrWere(f.Missing)))
	}
	if lost := h.Lost[0] + h.Lost[1]; lost > 0 {
		x.Facts = append(x.Facts, fmt.Sprintf("of the connection %s of the client and %s of the server are missing, in %s",
			counted(h.Lost[0], "byte", "bytes"), counted(h.Lost[1], "byte", "bytes"), counted(int64(h.Holes), "place", "places")))
	}
	if h.Unechoed > 0 {
		x.Facts = append(x.Facts, fmt.Sprintf("frame %d echoes the timestamp %d, which no captured packet of the %s carries: %s without new data %s missing",
			h.EchoFrame, h.Echo, sideName(h.EchoOf == 0), counted(int64(h.Unechoed), "packet", "packets"), isOrAre(h.Unechoed)))
		x.Frames = append(x.Frames, h.EchoFrame)
		if x.Time == 0 {
			x.File, x.Time = run.File(h.EchoFile), h.EchoTime
		}
	}
	return x
}

func (w *lossWatch) finish(r *analysis.Run) {
	q := r.Quality()
	if q.Drops.Kernel+q.Drops.Interface > 0 {
		w.sum = w.sums.Add(ofCapture(r, incident.Low))
	}
	if w.sum != nil {
		w.sum.drops, w.sum.read = q.Drops, q.Stats.Packets
	}
}

func (l *losses) dropped() int64 { return l.drops.Kernel + l.drops.Interface }

func (l *losses) title() string {
	var parts []string
	if n := l.dropped(); n > 0 {
		all := l.drops.Received
		if all < n {
			all = l.read + n
		}
		parts = append(parts, fmt.Sprintf("%s of %s packets (%s) are missing, as the capturing side counted", grouped(n), grouped(all), share(n, all)))
	}
	if l.bytes > 0 {
		head := ""
		if len(parts) == 0 {
			head = fmt.Sprintf("at least %s missing: ", countedAre(l.holes, l.read))
		}
		parts = append(parts, fmt.Sprintf("%s%s of %s %s never captured", head, counted(l.bytes, "byte", "bytes"),
			counted(l.conns, "connection", "connections"), wasOrWere(l.bytes)))
	}
	if l.silent > 0 {
		parts = append(parts, fmt.Sprintf("%s without data %s missing, known from the timestamp that the peer echoed",
			counted(l.silent, "packet", "packets"), isOrAre(int(l.silent))))
	}
	return strings.Join(parts, "; ")
}

// countedAre says how many of so many packets; of how many is not always known.
func countedAre(n, read int64) string {
	text := counted(n, "packet", "packets")
	if read > 0 {
		text += fmt.Sprintf(" (%s)", share(n, read+n))
	}
	return text + " " + isOrAre(int(n))
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func wasOrWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func (w *lossWatch) notes(_ *incident.Finding, l *losses) []string {
	if l.bytes == 0 && l.dropped() == 0 {
		return []string{"No stream byte is missing. Only RS402 is weakened: what acknowledged a command may be among the packets that are missing."}
	}
	return []string{gapNote(w.r.Run())}
}
