package capture

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// origin names the input in errors and collects its FileInfo.
type origin struct {
	info *FileInfo
	// packetDrops sums the drop counts that packets carry. They count the same losses as interface statistics, so
	// the two are never added.
	packetDrops int64
}

// snapshot copies the FileInfo and settles its drops.
func (o *origin) snapshot() FileInfo {
	f := *o.info
	for _, i := range f.Interfaces {
		f.Drops.add(i.Drops)
	}
	if o.packetDrops > 0 {
		f.Drops.Known = true
		f.Drops.Kernel = max(f.Drops.Kernel, o.packetDrops)
	}
	f.LinkTypes = slices.Clone(f.LinkTypes)
	f.Interfaces = slices.Clone(f.Interfaces)
	f.Notes = slices.Clone(f.Notes)
	return f
}

func (o *origin) fail(frame, offset int64, msg string) *FormatError {
	return &FormatError{File: o.info.Name, Frame: frame, Offset: offset, Inflated: o.info.Compression != "", Msg: msg}
}

func (o *origin) limit(frame, offset int64, msg string) *FormatError {
	e := o.fail(frame, offset, msg)
	e.Err = ErrLimit
	return e
}

func (o *origin) notCapture(msg string) *FormatError {
	e := o.fail(0, 0, msg)
	e.Err = ErrNotCapture
	return e
}

// ended makes the error for a stream that ended with err inside a record: a cut file, or a read that failed.
// what names the record, have is how many bytes of it there were.
func (o *origin) ended(err error, frame, offset int64, what string, have int) *FormatError {
	e := o.fail(frame, offset, "")
	var inner *FormatError
	switch {
	case errors.As(err, &inner):
		e.Msg, e.Err = inner.Msg, inner.Err
	case err == io.EOF:
		e.Cut = true
		e.Msg = fmt.Sprintf("file is cut off: %s, only %d bytes of it are there", what, have)
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Cut = true
		e.Msg = fmt.Sprintf("%s data is cut off", o.info.Compression)
	default:
		e.Msg, e.Err = "reading failed: "+err.Error(), err
	}
	return e
}
