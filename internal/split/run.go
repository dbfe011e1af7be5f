package split

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"os"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/progress"
	"github.com/respsniff/respsniff/internal/wholefile"
)

// Options say how a capture is split.
type Options struct {
	Unit     Unit
	Parts    int
	Ports    []uint16 // of servers, where they are known
	Dir      string
	Force    bool
	Comment  string // names what is split
	Capture  capture.Options
	Drops    capture.Drops  // that the captures do not tell of
	Progress progress.Meter // of each pass, as it begins
}

// Result is what was made.
type Result struct {
	*Parts
	Clients int // client addresses
	Units   int // things that are not cut in two: groups or clients
	Faults  []error
	Bounds  *bound.Set
}

// ErrStopped says that a run was interrupted. No file was made.
var ErrStopped = errors.New("interrupted")

// Run reads the captures twice: to learn who the clients are, and to deal their packets out. It makes all files, or none.
func Run(ctx context.Context, names []string, o Options) (*Result, error) {
	plan := NewPlan(o.Unit, o.Parts, o.Ports)
	if _, err := pass(ctx, names, &o, plan.Learn); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	paths := Names(o.Dir, o.Parts)
	ws, done := make([]io.Writer, len(paths)), make([]func(error) error, len(paths))
	for i, path := range paths {
		w, end := wholefile.Stream(path, o.Force)
		buf := bufio.NewWriterSize(w, 1<<16)
		ws[i], done[i] = buf, func(failed error) error { return end(errors.Join(failed, buf.Flush())) }
	}
	result := &Result{Clients: plan.clients, Units: plan.units, Bounds: plan.Bounds()}
	var err error
	if result.Parts, err = newParts(paths, ws, o.Comment); err == nil {
		var read readings
		read, err = pass(ctx, names, &o, func(batches iter.Seq2[[]capture.Packet, error]) error { return result.write(plan, batches) })
		if err == nil {
			result.Faults = read.faults
			err = errors.Join(result.end(read.last), result.dropped(read.drops))
		}
	}
	for _, end := range done {
		if failed := end(err); err == nil {
			err = failed
		}
	}
	return result, err
}

// readings are what a pass knows when it is over.
type readings struct {
	drops  capture.Drops
	faults []error
	last   capture.Time // of the latest packet
}

// pass reads the captures once.
func pass(ctx context.Context, names []string, o *Options, take func(iter.Seq2[[]capture.Packet, error]) error) (read readings, err error) {
	source, err := capture.Open(names, o.Capture)
	if err != nil {
		return read, err
	}
	defer source.Close()
	meter := o.Progress
	if err := take(meter.Batches(ctx, source)); err != nil {
		return read, err
	}
	if meter.Stopped {
		return read, ErrStopped
	}
	read = readings{drops: o.Drops, faults: meter.Faults, last: meter.Latest}
	for _, f := range source.Files() {
		read.drops = read.drops.Plus(f.Drops)
	}
	return read, nil
}
