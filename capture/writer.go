package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

// applicationName is what written files name as their writer.
const applicationName = "respsniff"

// WriterOptions of a pcapng file. The zero value is good.
type WriterOptions struct {
	// Comment is put on the section.
	Comment string
	// Application is the name of the writing program; empty is "respsniff".
	Application string
	// InterfaceName names the interface of a packet that is the first of its file, interface and link type; nil leaves
	// interfaces without names.
	InterfaceName func(Packet) string
}

// Writer writes pcapng with nanosecond times and a comment on any packet. It makes one Write for each block, so that
// what is written so far is always a whole file.
type Writer struct {
	w          io.Writer
	o          WriterOptions
	interfaces map[interfaceKey]uint32
	block      []byte
	err        error
}

// interfaceKey identifies an interface of an input.
type interfaceKey struct {
	file, number int32
	link         LinkType
}

// NewWriter writes the section header. The file is in little-endian byte order.
func NewWriter(w io.Writer, o WriterOptions) (*Writer, error) {
	out := &Writer{w: w, o: o, interfaces: make(map[interfaceKey]uint32)}
	if out.o.Application == "" {
		out.o.Application = applicationName
	}
	const optUserApplication = 4
	out.begin(blockSection)
	out.u32(byteOrderMagic)
	out.u32(1)          // version 1.0
	out.u32(0xffffffff) // section length is not known
	out.u32(0xffffffff)
	out.text(optComment, o.Comment)
	out.text(optUserApplication, out.o.Application)
	out.end(o.Comment != "" || out.o.Application != "")
	return out, out.err
}

// Write appends a packet with its original time, length and link type; an empty comment writes none. A comment is cut
// to what an option holds (65,535 bytes). Times before 1970, which pcapng cannot hold, become 1970. The error of a
// failed Write stays: the file ends there.
func (w *Writer) Write(p Packet, comment string) error {
	if w.err != nil {
		return w.err
	}
	if len(p.Data) > maxPacketBytes {
		return fmt.Errorf("packet of %d bytes: %w of %d", len(p.Data), ErrLimit, maxPacketBytes)
	}
	if p.Link > 0xffff {
		return fmt.Errorf("link type %d does not fit a file", p.Link)
	}
	number, err := w.number(p)
	if err != nil {
		return err
	}
	stamp := uint64(max(p.Time, 0))
	w.begin(blockEnhanced)
	w.u32(number)
	w.u32(uint32(stamp >> 32))
	w.u32(uint32(stamp))
	w.u32(uint32(len(p.Data)))
	w.u32(uint32(max(p.Length, len(p.Data))))
	w.block = append(w.block, p.Data...)
	w.pad()
	w.text(optComment, comment)
	w.end(comment != "")
	return w.err
}

// Secrets appends a block of TLS secrets: the text of a key log, for the packets behind it.
func (w *Writer) Secrets(text []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(text) > maxPacketBytes {
		return fmt.Errorf("secrets of %d bytes: %w of %d", len(text), ErrLimit, maxPacketBytes)
	}
	w.begin(blockSecrets)
	w.u32(secretsTLS)
	w.u32(uint32(len(text)))
	w.block = append(w.block, text...)
	w.pad()
	w.end(false)
	clear(w.block)
	return w.err
}

// number finds or describes the interface of a packet.
func (w *Writer) number(p Packet) (uint32, error) {
	key := interfaceKey{p.File, p.Interface, p.Link}
	if n, ok := w.interfaces[key]; ok {
		return n, nil
	}
	n := uint32(len(w.interfaces))
	if n >= maxInterfaces {
		return 0, fmt.Errorf("interfaces: %w of %d", ErrLimit, maxInterfaces)
	}
	const nanoseconds = 9
	w.begin(blockInterface)
	w.u16(uint16(p.Link))
	w.u16(0)
	w.u32(0) // no snaplen
	if w.o.InterfaceName != nil {
		w.text(optInterfaceName, w.o.InterfaceName(p))
	}
	w.u16(optInterfaceResol)
	w.u16(1)
	w.u32(nanoseconds)
	w.end(true)
	w.interfaces[key] = n
	return n, w.err
}

func (w *Writer) begin(kind uint32) {
	w.block = w.block[:0]
	w.u32(kind)
	w.u32(0)
}

// end closes the list of options if there is one, sets the lengths and writes the block.
func (w *Writer) end(options bool) {
	if options {
		w.u32(optEnd)
	}
	size := uint32(len(w.block) + 4)
	w.u32(size)
	binary.LittleEndian.PutUint32(w.block[4:], size)
	if w.err == nil {
		_, w.err = w.w.Write(w.block)
	}
}

// text appends a text option unless it is empty.
func (w *Writer) text(code uint16, s string) {
	if s == "" {
		return
	}
	s = clipRunes(s, 0xffff)
	w.u16(code)
	w.u16(uint16(len(s)))
	w.block = append(w.block, s...)
	w.pad()
}

func (w *Writer) pad() {
	for len(w.block)%4 != 0 {
		w.block = append(w.block, 0)
	}
}

func (w *Writer) u16(v uint16) { w.block = binary.LittleEndian.AppendUint16(w.block, v) }
func (w *Writer) u32(v uint32) { w.block = binary.LittleEndian.AppendUint32(w.block, v) }

// clipRunes cuts s to at most n bytes, not inside a rune.
func clipRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
