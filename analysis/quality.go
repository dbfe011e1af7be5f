package analysis

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// CaptureQuality is what the stages below know of the capture as a whole. The zero value says that nothing is known.
type CaptureQuality struct {
	Stats reassembly.Stats
	// Unread is what packets without TCP carried.
	Unread reassembly.Unread
	// Drops sums what the capturing side reported of its losses: in the files, and by whoever ran it.
	Drops capture.Drops
}

// quality is what a run can be asked about the capture.
type quality struct {
	source func() CaptureQuality
	drops  capture.Drops // known from elsewhere
}

// QualityFrom says where the quality of the capture can be asked for when the events are over, before Finish.
func (q *quality) QualityFrom(source func() CaptureQuality) { q.source = source }

// Quality returns what is known of the capture as a whole; it is complete when the events are over.
func (q *quality) Quality() CaptureQuality {
	if q.source == nil {
		return CaptureQuality{Drops: q.drops}
	}
	return q.source()
}
