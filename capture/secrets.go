package capture

import (
	"fmt"
	"io"
)

// secretsTLS is the type of secrets that are a key log of TLS ("TLSK").
const secretsTLS = 0x544c534b

// decryptionSecrets reads a Decryption Secrets Block, which may be larger than the window: type of the secrets, length, text, options.
func (r *ngReader) decryptionSecrets(size uint32) error {
	const header = 16
	h, err := r.w.peek(header)
	if err != nil || size < header+4 || r.u32(h[8:]) != secretsTLS {
		return r.pass(size)
	}
	length := r.u32(h[12:])
	if length > size-header-4 {
		if !r.complained {
			r.complained = true
			err = r.in.fail(r.frame, r.w.offset(), fmt.Sprintf("%d bytes of secrets in a block of %d", length, size))
		}
		if cut := r.pass(size); cut != nil {
			return cut
		}
		return err
	}
	start := r.w.offset()
	r.w.take(header)
	for left := int64(length); left > 0; {
		if _, err := r.w.peek(1); err != nil {
			r.ended = true
			r.secrets(nil, true)
			return r.in.ended(err, r.frame+1, start, fmt.Sprintf("block of %d bytes", size), int(r.w.offset()-start))
		}
		text := r.w.buf[r.w.r:min(r.w.w, r.w.r+int(min(left, maxWindow)))]
		r.w.take(len(text))
		left -= int64(len(text))
		r.secrets(text, false)
	}
	r.secrets(nil, true)
	rest := int64(size) - header - int64(length)
	if n, err := r.w.skip(rest); n < rest {
		r.ended = true
		return r.in.ended(err, r.frame+1, start, fmt.Sprintf("block of %d bytes", size), int(r.w.offset()-start))
	}
	return nil
}

// Secrets hands the TLS secrets of all inputs to Options.Secrets, also those that stand behind packets not yet read, and again those that
// were handed over before. It reads each pcapng file once more, stepping over its packets; what can be read only once, as a pipe, has no
// others. It may be called while packets are read, also by another goroutine than the one that reads them. Reading a damaged
// file ends where reading its packets does, which says so.
func (s *Source) Secrets() {
	if s.o.Secrets == nil {
		return
	}
	for _, name := range s.pcapng {
		in := newInput(name, name, false)
		if err := in.open(s.o, windowBytes); err != nil {
			continue
		}
		if r, ok := in.s.r.(*ngReader); ok && in.regular {
			r.secretsOnly = true
			for {
				if err := r.next(&Packet{}); err == io.EOF || r.ended {
					break
				}
			}
		}
		in.s.close()
	}
}
