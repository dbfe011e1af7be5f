package split

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"

	"github.com/respsniff/respsniff/capture"
)

// MaxParts bounds the files, which are all open at once.
const MaxParts = 512

// Parts are the files that packets are dealt out to.
type Parts struct {
	Names   []string
	Packets []int64 // by file

	outs []*capture.Writer
	last []capture.Packet // of each file, without data
}

// Names returns the names of n files in a directory, by their numbers from 0 on: as schedulers number the tasks of a job.
func Names(dir string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = filepath.Join(dir, fmt.Sprintf("part-%d.pcapng", i))
	}
	return names
}

// newParts begins the files that ws are. of names what is split, for a comment in each file.
func newParts(names []string, ws []io.Writer, of string) (*Parts, error) {
	p := &Parts{Names: names, Packets: make([]int64, len(ws))}
	for i, w := range ws {
		out, err := capture.NewWriter(w, capture.WriterOptions{Comment: fmt.Sprintf("part %d of %d of %s", i+1, len(ws), of)})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", names[i], err)
		}
		p.outs = append(p.outs, out)
		p.last = append(p.last, capture.Packet{Link: capture.LinkEthernet})
	}
	return p, nil
}

// write deals the packets out.
func (p *Parts) write(plan *Plan, batches iter.Seq2[[]capture.Packet, error]) error {
	for batch, err := range batches {
		if err != nil {
			return err
		}
		for i := range batch {
			part := plan.Part(&batch[i])
			if err := p.outs[part].Write(batch[i], ""); err != nil {
				return fmt.Errorf("%s: %w", p.Names[part], err)
			}
			p.Packets[part]++
			p.last[part] = batch[i]
			p.last[part].Data, p.last[part].Length = nil, 0
		}
	}
	return nil
}

// end brings all files to the end of the capture, with a frame that holds no byte: how long a connection was silent, or open, is
// known from it.
func (p *Parts) end(at capture.Time) error {
	var errs []error
	for i, out := range p.outs {
		if last := p.last[i]; p.Packets[i] > 0 && last.Time < at {
			last.Time = at
			errs = append(errs, out.Write(last, "the capture that this is a part of ends here"))
		}
	}
	return errors.Join(errs...)
}

// dropped deals out what the capturing side counted as lost: every file has a share of it, so that each says that the capture
// lacks packets, and all together as many as were lost.
func (p *Parts) dropped(d capture.Drops) error {
	var errs []error
	n := int64(len(p.outs))
	share := func(total, i int64) int64 {
		s := total / n
		if i < total%n {
			s++
		}
		return s
	}
	for i, out := range p.outs {
		part := capture.Drops{Known: true, Kernel: share(d.Kernel, int64(i)), Interface: share(d.Interface, int64(i))}
		if d.Known {
			errs = append(errs, out.Dropped(part))
		}
	}
	return errors.Join(errs...)
}

// Empty returns how many files have no packets.
func (p *Parts) Empty() (n int) {
	for _, packets := range p.Packets {
		if packets == 0 {
			n++
		}
	}
	return n
}
