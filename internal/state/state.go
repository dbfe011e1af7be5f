// Package state carries what one capture file has shown to the analysis of the next one: the packets that it needs, not what
// was concluded from them.
//
// A connection that lost count of its replies stays wrong until it is closed, and what proves that lies where it began. A
// State holds the packets of connections that are still open, and of closed ones as many as fit. They are read again before
// the next file, so that the analysis knows what it would know of one capture. What they show by themselves has been
// reported before; it is taken away from what is found in both together. So a State does not depend on how the analysis
// works, and what is in it can be judged anew by a later version, and with other parameters.
package state

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// State is what a file of it holds.
type State struct {
	Ports       []uint16     // the analysis was of these only, sorted; none: of all
	Begun, Last capture.Time // the first packet of the file that was analysed last, and the latest of all
	Files       []string     // that Packets are from
	Packets     []capture.Packet
	Left        Left
	Told        map[string]int // how many occurrences of each finding were reported, by fingerprint
	Marks       []Mark         // of the latest packets, in the order in which they came
}

// Left counts what did not fit of open connections, in this file and those before it.
type Left struct {
	Conns   int64 // that are not known any more
	Packets int64 // packets from the middle of open ones
}

// Mark is a packet that was analysed, so that one that stands in two files is analysed once.
type Mark struct {
	Time capture.Time
	Hash uint64
}

// RefusedError says why a State does not fit what is read.
type RefusedError struct{ msg string }

func (e *RefusedError) Error() string { return e.msg }

func refuse(format string, args ...any) error {
	return &RefusedError{"the state does not fit: " + fmt.Sprintf(format, args...)}
}

// firstFile is the number of the first of Files, in Packet.File: beyond those of a capture.Source.
const firstFile = 1 << 20

// FileName names a file that packets of s are from; "" if it is none of them.
func (s *State) FileName(file int32) string {
	if i := int(file) - firstFile; s != nil && i >= 0 && i < len(s.Files) {
		return s.Files[i]
	}
	return ""
}

// Fits refuses ports other than those of s.
func (s *State) Fits(ports []uint16) error {
	if s == nil {
		return nil
	}
	if given := sorted(ports); !slices.Equal(given, s.Ports) {
		return refuse("it is of the ports %v, this analysis of %v (an empty list stands for all): packets of others are not in it", s.Ports, given)
	}
	return nil
}

func sorted(ports []uint16) []uint16 {
	ports = slices.Clone(ports)
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Follows says how a file follows what was analysed before.
type Follows struct {
	Gap     time.Duration // from the last packet before to the first of it; negative: they overlap
	Skipped int64         // packets of it that were analysed before
}

// batchPackets is how many packets are handed over at a time.
const batchPackets = 64

// Before yields the packets of s ahead of those of the next file, without those that were analysed before. It yields a
// RefusedError if the file does not follow. how is filled in as it goes. A nil State has no packets.
func (s *State) Before(next iter.Seq2[[]capture.Packet, error], how *Follows) iter.Seq2[[]capture.Packet, error] {
	if s == nil {
		return next
	}
	return func(yield func([]capture.Packet, error) bool) {
		begun := false
		known := newMarks(s.Marks)
		for batch, err := range next {
			if err == nil && !begun && len(batch) > 0 {
				begun = true
				if err := s.precedes(batch[0].Time); err != nil {
					yield(nil, err)
					return
				}
				how.Gap = batch[0].Time.Sub(s.Last)
				for all := range slices.Chunk(s.Packets, batchPackets) {
					if !yield(slices.Clone(all), nil) { // the stages may change what they are handed
						return
					}
				}
			}
			if err == nil && how.Gap <= 0 && batch[0].Time <= s.Last {
				n := len(batch)
				batch = known.without(batch)
				how.Skipped += int64(n - len(batch))
				if len(batch) == 0 {
					continue
				}
			}
			if !yield(batch, err) {
				return
			}
		}
	}
}

// precedes refuses a file that begins at a moment that is not behind the beginning of the file before, or so early that it
// cannot be told which of its packets were analysed before.
func (s *State) precedes(first capture.Time) error {
	stamp := func(t capture.Time) string { return t.Std().Format("2006-01-02 15:04:05.000000 UTC") }
	switch {
	case first <= s.Begun:
		return refuse("it knows a file that begins at %s, and this one begins at %s: it is that file, or an earlier one; files are analysed in the order of their packets",
			stamp(s.Begun), stamp(first))
	case first < s.Last && (len(s.Marks) == 0 || first < s.Marks[0].Time):
		return refuse("this file begins at %s, %v before the end of the file before, at %s: more than it remembers single packets of",
			stamp(first), s.Last.Sub(first), stamp(s.Last))
	}
	return nil
}

// Known analyses the packets of s by themselves: what is found in them has been reported before. nil without packets.
func (s *State) Known(o analysis.Options, detectors []*analysis.Detector) (*analysis.Run, reassembly.Stats) {
	if s == nil || len(s.Packets) == 0 {
		return nil, reassembly.Stats{}
	}
	o.FileName = s.FileName
	assembler := reassembly.New(reassembly.Options{Ports: o.Ports, Memory: o.Memory})
	run := analysis.NewRun(&o)
	run.ForRules()
	for range run.Detect(run.Events(assembler.Batched(s.batches())), detectors) {
	}
	return run, assembler.Stats()
}

func (s *State) batches() iter.Seq2[[]capture.Packet, error] { return inBatches(s.Packets) }

func inBatches(packets []capture.Packet) iter.Seq2[[]capture.Packet, error] {
	return func(yield func([]capture.Packet, error) bool) {
		for batch := range slices.Chunk(packets, batchPackets) {
			if !yield(slices.Clone(batch), nil) {
				return
			}
		}
	}
}

// ends are the two ends of a connection.
type ends [2]netip.AddrPort
