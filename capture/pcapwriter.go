package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// PcapOptions of a classic pcap file.
type PcapOptions struct {
	Link LinkType // of all packets
	// Microseconds writes times as the oldest readers want them, cut to microseconds. The default is nanoseconds.
	Microseconds bool
	// Snaplen is what the header says, in bytes; 0 is 262144, tcpdump's. Packets are not cut to it.
	Snaplen int
}

// PcapWriter writes classic pcap, little-endian, one Write for each packet.
type PcapWriter struct {
	w      io.Writer
	o      PcapOptions
	record []byte
	err    error
}

// NewPcapWriter writes the file header.
func NewPcapWriter(w io.Writer, o PcapOptions) (*PcapWriter, error) {
	if o.Link > 0xffff {
		return nil, fmt.Errorf("link type %d does not fit a file", o.Link)
	}
	const defaultSnaplen = 262144
	if o.Snaplen <= 0 {
		o.Snaplen = defaultSnaplen
	}
	magic := uint32(magicNano)
	if o.Microseconds {
		magic = magicMicro
	}
	h := make([]byte, 0, pcapFileHeader)
	h = binary.LittleEndian.AppendUint32(h, magic)
	h = binary.LittleEndian.AppendUint16(h, 2) // version 2.4
	h = binary.LittleEndian.AppendUint16(h, 4)
	h = append(h, make([]byte, 8)...) // time zone and accuracy: always zero
	h = binary.LittleEndian.AppendUint32(h, uint32(o.Snaplen))
	h = binary.LittleEndian.AppendUint32(h, uint32(o.Link))
	_, err := w.Write(h)
	return &PcapWriter{w: w, o: o, err: err}, err
}

// Write appends a packet of the file's link type with a time between 1970 and 2106. The error of a failed Write stays:
// the file ends there.
func (w *PcapWriter) Write(p Packet) error {
	if w.err != nil {
		return w.err
	}
	sec, frac := int64(p.Time)/1e9, int64(p.Time)%1e9
	switch {
	case p.Link != w.o.Link:
		return fmt.Errorf("packet of link type %d in a file of %d: %w", p.Link, w.o.Link, errLinkMixed)
	case len(p.Data) > maxPacketBytes:
		return fmt.Errorf("packet of %d bytes: %w of %d", len(p.Data), ErrLimit, maxPacketBytes)
	case p.Time < 0 || sec > 1<<32-1:
		return fmt.Errorf("time %v does not fit classic pcap", p.Time.Std())
	}
	if w.o.Microseconds {
		frac /= 1000
	}
	b := binary.LittleEndian.AppendUint32(w.record[:0], uint32(sec))
	b = binary.LittleEndian.AppendUint32(b, uint32(frac))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Data)))
	b = binary.LittleEndian.AppendUint32(b, uint32(max(p.Length, len(p.Data))))
	w.record = append(b, p.Data...)
	_, w.err = w.w.Write(w.record)
	return w.err
}

// errLinkMixed is why a classic pcap cannot take a packet.
var errLinkMixed = errors.New("classic pcap holds one link type")
