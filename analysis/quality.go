package analysis

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// CaptureQuality is what the stages below know of the capture as a whole. The zero value says that nothing is known.
type CaptureQuality struct {
	Stats reassembly.Stats
	// Drops sums what the capturing side reported of its losses: in the files, and by whoever ran it.
	Drops capture.Drops
}

// quality is what a run gathers about the capture.
type quality struct {
	source   func() CaptureQuality
	failures []Failure
}

// QualityFrom says where the quality of the capture can be asked for when the events are over, before Finish.
func (r *Run) QualityFrom(source func() CaptureQuality) { r.quality.source = source }

// Quality returns what is known of the capture as a whole; it is complete when the events are over.
func (r *Run) Quality() CaptureQuality {
	if r.quality.source == nil {
		return CaptureQuality{Drops: capture.Drops{Known: r.o.Drops > 0, Kernel: r.o.Drops, Received: r.o.Seen}}
	}
	return r.quality.source()
}
