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

// progress passes batches of packets through. It tells people on stderr how far the run is, notes what could not be read
// instead of handing it on, and ends the stream when the run is interrupted, so that what was seen is still reported.
type progress struct {
	a                *app
	packets          int64
	bytes            int64
	faults           []error      // of reading, in order
	first            capture.Time // of the first packet, whatever its time
	earliest, latest capture.Time
	stopped          bool // interrupted before the end
}

func (p *progress) pass(ctx context.Context, source *capture.Source) iter.Seq2[[]capture.Packet, error] {
	return func(yield func([]capture.Packet, error) bool) {
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
		defer p.total(source)
		for batch, err := range source.Batches() {
			if err != nil {
				p.faults = append(p.faults, err)
				continue
			}
			if p.packets == 0 {
				p.first, p.earliest, p.latest = batch[0].Time, batch[0].Time, batch[0].Time
			}
			before := p.packets
			p.packets += int64(len(batch))
			if before/progressEvery != p.packets/progressEvery {
				if ctx.Err() != nil {
					p.stopped = true
					return
				}
				if now := time.Now(); !p.a.quiet && now.Sub(last) >= every {
					last = now
					p.total(source)
					p.draw(terminal, now.Sub(start), batch[len(batch)-1].Time)
				}
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}

// total gathers what the source counts in any case, so that nothing is done here for each packet.
func (p *progress) total(source *capture.Source) {
	p.bytes = 0
	for _, f := range source.Files() {
		p.bytes += f.Bytes
		if f.Packets > 0 {
			p.earliest, p.latest = min(p.earliest, f.First), max(p.latest, f.Last)
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
