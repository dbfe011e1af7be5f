package live

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"

	"github.com/respsniff/respsniff/capture"
)

// Source is where packets come from: capture.Live, or what stands for it.
type Source interface {
	// Name is what the report calls the input.
	Name() string
	// Interfaces are the names that packets give by number.
	Interfaces() []string
	// Packets yields packets until ctx is done. A packet of length 0 is a tick: it carries a time only. It is called once for
	// each analysis of a run.
	Packets(ctx context.Context) iter.Seq2[capture.Packet, error]
	// Drops counts what was lost since the beginning.
	Drops() (capture.Drops, error)
}

// Closer is a Source that is to be closed.
type Closer interface {
	Source
	Close() error
}

// Open begins to capture. Its errors name a remedy.
func Open(o capture.LiveOptions) (*capture.Live, error) {
	l, err := capture.OpenLive(o)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, capture.ErrRights):
		program, failed := os.Executable()
		if failed != nil {
			program = "respsniff"
		}
		return nil, fmt.Errorf("live: %w\nrun it as root, or give the program the one capability that it needs: setcap cap_net_raw=ep %s", err, program)
	case errors.Is(err, fs.ErrNotExist):
		return nil, refusef("live: %w\n'respsniff interfaces' lists them", err)
	case errors.Is(err, capture.ErrUnsupported):
		return nil, refusef("live: %w", err)
	}
	return nil, fmt.Errorf("live: %w", err)
}
