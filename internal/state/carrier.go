package state

import (
	"fmt"
	"iter"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/wholefile"
	"github.com/respsniff/respsniff/reassembly"
)

// Carrier is what a run does with the file of its State, around the analysis. A nil Carrier does nothing.
type Carrier struct {
	path   string
	o      analysis.Options
	before *State
	keeper *Keeper
	how    Follows
	known  *analysis.Run // over before alone
	run    *analysis.Run // over all
	stats  reassembly.Stats
}

// NewCarrier reads the State of the files before, if there is one, and judges it. path "" gives nil. o and detectors are those
// of the run.
func NewCarrier(path string, o analysis.Options, detectors []*analysis.Detector) (*Carrier, error) {
	if path == "" {
		return nil, nil
	}
	if err := wholefile.Check(path); err != nil {
		return nil, err
	}
	before, err := Open(path)
	if err == nil {
		err = before.Fits(o.Ports)
	}
	if err != nil {
		return nil, err
	}
	c := &Carrier{path: path, o: o, before: before, keeper: NewKeeper(o.Ports, before, limitOf(o.Memory))}
	c.known, c.stats = before.Known(o, detectors)
	return c, nil
}

// Around hands the packets of the files before to stages, ahead of those of this one, and keeps what the next one needs. run
// reports what is new.
func (c *Carrier) Around(run *analysis.Run, stages func(iter.Seq2[[]capture.Packet, error]) iter.Seq2[*reassembly.Segment, error],
	batches iter.Seq2[[]capture.Packet, error]) iter.Seq2[*reassembly.Segment, error] {
	if c == nil {
		return stages(batches)
	}
	if c.run = run; c.known != nil {
		run.Since(c.known, c.before.Told, func() capture.Time { return c.keeper.first })
	}
	return c.keeper.Segments(stages(c.keeper.Packets(c.before.Before(batches, &c.how))))
}

// FileName names a file before; "" if it is none of them.
func (c *Carrier) FileName(file int32) string {
	if c == nil {
		return ""
	}
	return c.before.FileName(file)
}

// Stats takes from counts what the packets of the files before contribute.
func (c *Carrier) Stats(s reassembly.Stats) reassembly.Stats {
	if c == nil {
		return s
	}
	k := &c.stats
	s.Packets -= k.Packets
	s.LostBytes -= min(k.LostBytes, s.LostBytes)
	s.Holes -= min(k.Holes, s.Holes)
	s.Truncated -= k.Truncated
	s.Duplicates -= min(k.Duplicates, s.Duplicates)
	s.Backwards -= min(k.Backwards, s.Backwards)
	s.FragmentsDropped -= min(k.FragmentsDropped, s.FragmentsDropped)
	s.Conflicts -= min(k.Conflicts, s.Conflicts)
	return s
}

// silence is how long nothing may have been captured before it is said.
const silence = time.Second

// Complete makes of the counts of all packets those of this file, and says how it follows the files before.
func (c *Carrier) Complete(d *report.Document) {
	if c == nil || c.before == nil {
		return
	}
	if c.known != nil {
		was, now := c.known.Summary(), &d.Summary
		now.Packets -= c.stats.Packets
		now.Connections -= was.Connections - c.keeper.Continued()
		now.Redis = min(now.Redis-was.RESP+c.keeper.Continued(), now.Connections)
		now.Commands -= was.Commands
		now.Replies -= was.Replies
		now.Suppressed -= min(was.Suppressed, now.Suppressed)
		q, st := &d.Quality, c.Stats(reassembly.Stats{StreamStats: reassembly.StreamStats{LostBytes: d.Quality.LostBytes, Holes: d.Quality.Holes}})
		q.LostBytes, q.Holes = st.LostBytes, st.Holes
		q.CutPackets -= c.stats.Truncated
		q.Duplicates -= min(c.stats.Duplicates, q.Duplicates)
		q.MidStream -= min(was.MidStream, q.MidStream)
		q.OneSided -= min(was.OneSided, q.OneSided)
		q.Encrypted -= min(was.Encrypted, q.Encrypted)
		q.Decrypted -= min(was.Decrypted, q.Decrypted)
		q.SealedWrites -= min(was.SealedWrites, q.SealedWrites)
		q.Unparsed -= min(was.Unparsed, q.Unparsed)
	}
	say := func(format string, args ...any) {
		d.Warnings = append(d.Warnings, "--state: "+fmt.Sprintf(format, args...))
	}
	switch {
	case c.how.Gap > silence:
		say("%v lie between the last packet of the files before and the first of this one: what was said in between is not known", c.how.Gap)
	case c.how.Skipped > 0:
		say("this file overlaps the one before by %v: %s of it were analysed before and are left out", -c.how.Gap, report.CountAs(c.how.Skipped, "packet", "packets"))
	}
	if left := c.before.Left; left.Conns+left.Packets > 0 {
		say("of the files before, %s and %s of others did not fit in %d MiB: how far behind their callers are may not be known",
			report.CountAs(left.Conns, "open connection", "open connections"), report.CountAs(left.Packets, "packet", "packets"), limitOf(c.o.Memory)>>20)
	}
}

// Save writes the State for the next file. name names the files of this run.
func (c *Carrier) Save(name func(file int32) string) error {
	if c == nil || c.keeper.first == 0 {
		return nil
	}
	return wholefile.Write(c.path, true, c.state(name).Write)
}

// state is what the next file needs to know.
func (c *Carrier) state(name func(file int32) string) *State {
	s := c.keeper.State(c.o, name)
	if c.run != nil {
		s.Told = c.run.Told()
	}
	if c.known == nil && c.before != nil { // no packet of the files before is left: nothing of them was told again
		if s.Told == nil {
			s.Told = map[string]int{}
		}
		for print, n := range c.before.Told {
			s.Told[print] += n
		}
	}
	return s
}
