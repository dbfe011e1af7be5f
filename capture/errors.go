package capture

import (
	"errors"
	"strconv"
	"strings"
)

// Sentinels that errors of this package answer to with errors.Is.
var (
	// ErrCut marks a file that ends inside a record: what was read until there is good, what followed is lost.
	ErrCut = errors.New("capture is cut off")
	// ErrNotCapture marks input that is no capture of any known kind.
	ErrNotCapture = errors.New("not a capture")
	// ErrLimit marks input over a bound of this package: packet size, interfaces, decompressed bytes.
	ErrLimit = errors.New("over a limit")
)

// FormatError says what in an input could not be read, and where.
type FormatError struct {
	File   string // name as in FileInfo
	Frame  int64  // number of the frame at which reading failed; 0 if it failed before or outside the packets
	Offset int64  // bytes from the start of the file, of the uncompressed stream if Inflated
	// Inflated: the file was compressed, so that Offset is not a position in the file itself.
	Inflated bool
	Cut      bool // the input ended inside a record, see ErrCut
	Msg      string
	Err      error // cause: an I/O error or one of the sentinels; may be nil
}

// Error gives "a.pcap: frame 812: byte 90210: what is wrong".
func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Frame > 0 {
		b.WriteString(": frame ")
		b.WriteString(strconv.FormatInt(e.Frame, 10))
	}
	if e.Frame > 0 || e.Offset > 0 {
		b.WriteString(": byte ")
		b.WriteString(strconv.FormatInt(e.Offset, 10))
		if e.Inflated {
			b.WriteString(" of the uncompressed stream")
		}
	}
	b.WriteString(": ")
	b.WriteString(e.Msg)
	return b.String()
}

// Is makes errors.Is(err, ErrCut) follow Cut.
func (e *FormatError) Is(target error) bool { return target == ErrCut && e.Cut }

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }
