package capture

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// magicBytes is how much of an input is looked at to recognise it.
const magicBytes = 16

// foreign lists what people hand over by mistake, with what to do about it.
var foreign = []struct{ magic, name, hint string }{
	{"\xff\xd8\xff", "JPEG", ""},
	{"\x89PNG", "PNG", ""},
	{"GIF8", "GIF", ""},
	{"%PDF", "PDF", ""},
	{"PK\x03\x04", "zip", "unpack it first"},
	{"PK\x05\x06", "empty zip", ""},
	{"\xfd7zXZ\x00", "xz", "decompress it first: xz -dc"},
	{"BZh", "bzip2", "decompress it first: bzip2 -dc"},
	{"7z\xbc\xaf\x27\x1c", "7-Zip", "unpack it first"},
	{"\x04\x22\x4d\x18", "lz4", "decompress it first: lz4 -dc"},
	{"Rar!", "RAR", "unpack it first"},
	{"\x7fELF", "ELF program", ""},
	{"MZ", "Windows program", ""},
	{"\xcf\xfa\xed\xfe", "Mach-O program", ""},
	{"snoop\x00\x00\x00", "snoop", "convert it first: editcap -F pcapng"},
	{"iptrace ", "iptrace", "convert it first: editcap -F pcapng"},
	{"GMBU", "Network Monitor", "convert it first: editcap -F pcapng"},
	{"XCP\x00", "NetXRay", "convert it first: editcap -F pcapng"},
	{"REDIS0", "Redis RDB dump", "packets are needed, not data"},
	{"SQLite format 3", "SQLite", ""},
	{"\xff\xfe", "UTF-16 text", "save it as UTF-8"},
	{"\xfe\xff", "UTF-16 text", "save it as UTF-8"},
}

// Compression words, as in FileInfo.
const (
	compressedGzip = "gzip"
	compressedZstd = "zstd"
)

// compressionOf recognises RFC 1952 and RFC 8878 streams, the latter also when it begins with a skippable frame.
func compressionOf(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		return compressedGzip
	case bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		len(b) >= 4 && b[0]&0xf0 == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18:
		return compressedZstd
	}
	return ""
}

// newReader chooses the reader by the first bytes of an uncompressed stream.
func newReader(w *window, in *origin, o Options) (reader, error) {
	head, err := w.peek(4)
	if err != nil && err != io.EOF {
		return nil, in.ended(err, 0, 0, "magic number", len(head))
	}
	switch {
	case len(head) == 0:
		return nil, in.notCapture("empty file")
	case isPcap(head):
		in.info.Format = "pcap"
		return newPcapReader(w, in)
	case bytes.HasPrefix(head, []byte{0x0a, 0x0d, 0x0d, 0x0a}):
		in.info.Format = "pcapng"
		return newNgReader(w, in, o), nil
	}
	// No binary capture: more bytes may be waited for to name what it is.
	if head, err = w.peek(magicBytes); err != nil && err != io.EOF {
		return nil, in.ended(err, 0, 0, "magic number", len(head))
	}
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			msg := fmt.Sprintf("is not a capture: starts with % x (%s)", head[:min(len(head), len(f.magic))], f.name)
			if f.hint != "" {
				msg += "; " + f.hint
			}
			return nil, in.notCapture(msg)
		}
	}
	if !isText(head) {
		return nil, in.notCapture(fmt.Sprintf("is not a capture: starts with % x", head[:min(4, len(head))]))
	}
	in.info.Format = formatText
	return newTextReader(w, in, o), nil
}

// isText reports whether b could be the start of UTF-8 text; a rune cut at the end counts as whole.
func isText(b []byte) bool {
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		switch {
		case c == utf8.RuneError && n <= 1:
			return !utf8.FullRune(b)
		case c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b || c == 0x7f:
			return false
		}
		b = b[n:]
	}
	return true
}
