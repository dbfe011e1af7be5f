package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/respsniff/respsniff/capture"
)

const (
	progressEvery = 1 << 10                // packets between two looks at the clock and at the context
	drawEvery     = 200 * time.Millisecond // on a terminal
	logEvery      = 30 * time.Second       // elsewhere
)

// progress passes packets through. It tells people on stderr how far the run is, notes what could not be read instead
// of handing it on, and ends the stream when the run is interrupted, so that what was seen is still reported.
type progress struct {
	a                *app
	packets          int64
	bytes            int64
	faults           []error      // of reading, in order
	first            capture.Time // of the first packet, whatever its time
	earliest, latest capture.Time
	stopped          bool // interrupted before the end
}

func (p *progress) pass(ctx context.Context, in iter.Seq2[capture.Packet, error]) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		terminal := isTerminal(p.a.stderr)
		start := time.Now()
		last := start
		every := logEvery
		if terminal {
			every = drawEvery
		}
		defer func() {
			if terminal && last != start {
				fmt.Fprint(p.a.stderr, "\r\x1b[K")
			}
		}()
		for packet, err := range in {
			if err != nil {
				p.faults = append(p.faults, err)
				continue
			}
			if p.packets == 0 {
				p.first, p.earliest, p.latest = packet.Time, packet.Time, packet.Time
			}
			p.earliest, p.latest = min(p.earliest, packet.Time), max(p.latest, packet.Time)
			p.packets++
			p.bytes += int64(len(packet.Data))
			if p.packets%progressEvery == 0 {
				if ctx.Err() != nil {
					p.stopped = true
					return
				}
				if now := time.Now(); !p.a.quiet && now.Sub(last) >= every {
					last = now
					p.draw(terminal, now.Sub(start), packet.Time)
				}
			}
			if !yield(packet, nil) {
				return
			}
		}
	}
}

func (p *progress) draw(terminal bool, spent time.Duration, at capture.Time) {
	line := fmt.Sprintf("%d packets, %d MiB, %.0f MiB/s, at %s", p.packets, p.bytes>>20,
		float64(p.bytes>>20)/spent.Seconds(), at.Std().Format("2006-01-02 15:04:05 MST"))
	if terminal {
		fmt.Fprintf(p.a.stderr, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintf(p.a.stderr, "respsniff: %s\n", line)
}
