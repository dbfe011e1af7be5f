package capture

import (
	"bytes"
	"fmt"
	"io"

	"github.com/respsniff/respsniff/capture/tcpdump"
)

// formatText is FileInfo.Format of what tcpdump prints with -x, -xx, -X or -XX.
const formatText = "tcpdump text"

// Bounds of reading text.
const (
	maxTextLine = 64 << 10 // longer lines are read in parts
	// maxPreamble is how much may come before the first packet until the text is taken for something else.
	maxPreamble = 1 << 20
	// maxDropText is how much of a line is searched for statistics.
	maxDropText = 512
	// maxBare is how many packet lines without bytes prove that the dump was made without -x or -X.
	maxBare = 200
)

// noBytes is why a dump without hex is refused.
const noBytes = "no packet bytes in this text: repeat tcpdump with -X, or better with -w FILE"

// textReader reads the packets back from tcpdump's text: a header line, any lines without meaning here (-v, comments,
// blank ones), and hex lines. Frames count header lines, so that they are those of the capture that was printed.
type textReader struct {
	w     *window
	in    *origin
	times *tcpdump.Times
	links textLinks

	frame   int64
	bare    int64 // header lines without hex so far
	packets int64
	noise   int64 // bytes since the last line that was understood, before the first packet

	open    bool   // a header line or hex has begun a packet
	counted bool   // it has a frame number: its header line is one that only tcpdump prints, or hex has come
	data    []byte // its bytes
	row     [tcpdump.HexLineBytes]byte
	time    Time
	gap     bool // a hex line is missing: later ones have no place
	snap    int  // largest number of bytes that a shortened packet has
	head    tcpdump.Header

	lastWhole bool // the line before had its newline
	cutAt     error
	ended     bool
}

func newTextReader(w *window, in *origin, o Options) *textReader {
	r := &textReader{w: w, in: in, lastWhole: true}
	r.times = tcpdump.NewTimes(o.Location, o.Date, in.info.note)
	return r
}

func (r *textReader) next(p *Packet) error {
	for !r.ended {
		line, n, whole, err := r.w.line(maxTextLine)
		if err != nil {
			return r.finish(p, err)
		}
		offset, count, isHex := tcpdump.HexLine(line, &r.row)
		var head tcpdump.Header
		isHead := false
		if !isHex {
			head, isHead = r.times.Header(line)
		}
		switch {
		case isHex && offset == 0 && len(r.data) > 0, isHead && len(r.data) > 0:
			// The line begins the next packet: it stays where it is until this one is delivered.
			r.deliver(p)
			return nil
		case isHex:
			r.hex(offset, r.row[:count])
		case isHead:
			if err := r.header(head); err != nil {
				return err
			}
		default:
			r.other(line)
		}
		if isHex || isHead {
			r.noise = 0
		} else if r.noise += int64(n); r.noise > maxPreamble && r.packets == 0 && len(r.data) == 0 {
			return r.refuse()
		}
		r.lastWhole = whole
		r.w.take(n)
	}
	if r.cutAt != nil {
		err := r.cutAt
		r.cutAt = nil
		return err
	}
	return io.EOF
}

// header begins a packet. One before it without hex is only counted.
func (r *textReader) header(h tcpdump.Header) error {
	r.drop()
	if h.Sure && r.packets == 0 && r.bare >= maxBare {
		return r.refuse()
	}
	r.open, r.counted, r.head, r.gap = true, h.Sure, h, false
	if h.Sure {
		r.time = TimeOf(r.times.Resolve(h, r.w.buf[r.w.r:r.w.w]))
		r.frame++
	}
	return nil
}

// drop forgets a header line to which no hex came.
func (r *textReader) drop() {
	if r.open && r.counted && len(r.data) == 0 {
		r.bare++
	}
	r.open = false
}

// hex takes the bytes of one line.
func (r *textReader) hex(offset int, b []byte) {
	if !r.open {
		// Only the hex of a packet was pasted: it keeps the time of the one before.
		r.open, r.counted, r.head = true, true, tcpdump.Header{}
		r.frame++
		r.in.info.note("hex without a packet line: it has the time of the packet before")
	}
	if !r.counted {
		// Only the hex shows that this line was no log line of another program.
		r.time = TimeOf(r.times.Resolve(r.head, nil))
		r.frame++
		r.counted = true
	}
	if offset != len(r.data) || len(r.data)+len(b) > maxPacketBytes {
		if !r.gap {
			r.gap = true
			r.in.info.note(fmt.Sprintf("frame %d: hex lines are missing; the packet is taken as cut there", r.frame))
		}
		return
	}
	if !r.gap {
		r.data = append(r.data, b...)
	}
}

// other looks in a line that is no part of a packet for tcpdump's closing statistics.
func (r *textReader) other(line []byte) {
	if bytes.Contains(line, []byte("acket")) {
		if d, ok := ParseDrops(string(line[:min(len(line), maxDropText)])); ok {
			r.in.info.Drops.add(d)
		}
	}
}

// deliver gives the collected packet.
func (r *textReader) deliver(p *Packet) {
	link, length := r.links.judge(r.data)
	r.in.info.addLink(link)
	p.Time, p.Frame, p.Interface, p.Link = r.time, r.frame, 0, link
	p.Length = max(length, len(r.data))
	p.Data = r.data[:len(r.data):len(r.data)]
	if p.Length > len(r.data) && !r.gap {
		r.snap = max(r.snap, len(r.data))
	}
	r.data = r.data[:0]
	r.open, r.gap = false, false
	r.packets++
}

// finish handles the end of the text.
func (r *textReader) finish(p *Packet, err error) error {
	r.ended = true
	if err != io.EOF {
		r.cutAt = r.in.ended(err, r.frame, r.w.offset(), "text", 0)
	}
	if len(r.data) == 0 {
		r.drop()
	}
	if r.bare > 0 && r.packets > 0 {
		r.in.info.note(fmt.Sprintf("%d packet lines have no bytes", r.bare))
	}
	if len(r.data) > 0 {
		had, shortened, whole := len(r.data), r.snap, !r.gap
		r.deliver(p)
		// A dump that was shortened with -s ends every long packet at the same length, hardly ever at the end of a row.
		if r.cutAt == nil && (!r.lastWhole || had%tcpdump.HexLineBytes == 0) && whole && p.Length > had && had != shortened && r.packets > 1 {
			r.cutAt = &FormatError{File: r.in.info.Name, Frame: r.frame, Offset: r.w.offset(), Cut: true,
				Inflated: r.in.info.Compression != "",
				Msg:      fmt.Sprintf("text is cut off: %d of %d bytes of the packet are there", had, p.Length)}
		}
		return nil
	}
	if r.cutAt == nil && r.packets == 0 {
		return r.refuse()
	}
	if err := r.cutAt; err != nil {
		r.cutAt = nil
		return err
	}
	return io.EOF
}

// refuse ends a text in which no packets are.
func (r *textReader) refuse() error {
	r.ended = true
	if r.bare > 0 {
		return r.in.notCapture(noBytes)
	}
	return r.in.notCapture("is not a capture: text without tcpdump packet lines")
}
