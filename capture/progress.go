package capture

import "io"

// Progress returns how many bytes of the inputs' files have been read, compressed ones as they lie on disk, and how many
// there are. It is ok only if every input is a file of a size that is known. It may be called between two packets.
func (s *Source) Progress() (read, size int64, ok bool) {
	for _, in := range s.inputs {
		if !in.regular || in.size <= 0 {
			return 0, 0, false
		}
		read += min(in.read(), in.size)
		size += in.size
	}
	return read, size, size > 0
}

// read returns the place in the file, which for a compressed one is some chunks ahead of the packets.
func (in *input) read() int64 {
	switch {
	case in.s == nil:
		return 0
	case in.s.w == nil: // closed
		return in.size
	}
	at, err := in.s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	return at
}
