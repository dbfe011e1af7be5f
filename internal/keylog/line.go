package keylog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
)

// maxLine is how many bytes of a line are looked at. The longest that is used has 177.
const maxLine = 1024

// Stream is one source of lines, which may arrive in pieces of any size.
type Stream struct {
	log  *Log
	line []byte // the unfinished one
	long bool   // more of it came than is kept
}

// Stream returns a further source of lines of the log, so that an unfinished one is not mixed with those of others.
func (l *Log) Stream() *Stream { return &Stream{log: l} }

// Write takes the next piece of a growing file. A line that is not finished waits for its end.
func (l *Log) Write(p []byte) { l.own.Write(p) }

// Flush takes the unfinished line of Write for a whole one: nothing more comes.
func (l *Log) Flush() { l.own.Flush() }

// Read reads a source to its end, also if it is no key log; the error is the one of r. What was read before it is used.
func (l *Log) Read(r io.Reader) error {
	s := l.Stream()
	defer s.Flush()
	buf := make([]byte, 1<<15)
	for {
		n, err := r.Read(buf)
		s.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Write takes the next piece of the source.
func (s *Stream) Write(p []byte) {
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		if len(s.line) == 0 && i <= maxLine {
			s.log.take(p[:i], false)
		} else {
			s.add(p[:i])
			s.Flush()
		}
		p = p[i+1:]
	}
	s.add(p)
}

// Block takes a piece of a block of lines; end says that the last one ends with it.
func (s *Stream) Block(text []byte, end bool) {
	if s.Write(text); end {
		s.Flush()
	}
}

func (s *Stream) add(p []byte) {
	room := maxLine - len(s.line)
	s.long = s.long || len(p) > room
	s.line = append(s.line, p[:min(len(p), room)]...)
}

// Flush takes the unfinished line for a whole one.
func (s *Stream) Flush() {
	s.log.take(s.line, s.long)
	clear(s.line)
	s.line, s.long = s.line[:0], false
}

// take reads a line; long says that it is only the head of one. Zero bytes, which UTF-16 has and a file of a machine that lost its
// power, and byte-order marks are passed over.
func (l *Log) take(line []byte, long bool) {
	if bytes.IndexByte(line, 0) >= 0 {
		line = bytes.ReplaceAll(line, []byte{0}, nil)
	}
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		line = bytes.TrimPrefix(line, []byte(mark))
	}
	if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
		return
	}
	l.stats.Lines++
	label, rest := word(line)
	var field func(*Secrets) *[]byte
	lengths := []int{32, 48} // of the hash functions of TLS 1.3
	switch string(label) {
	case "CLIENT_RANDOM":
		field, lengths = func(s *Secrets) *[]byte { return &s.Master }, []int{48}
	case "CLIENT_TRAFFIC_SECRET_0":
		field = func(s *Secrets) *[]byte { return &s.Client }
	case "SERVER_TRAFFIC_SECRET_0":
		field = func(s *Secrets) *[]byte { return &s.Server }
	default:
		switch {
		case notNeeded(string(label)):
			l.stats.Other++
		case isLabel(label) && len(rest) > 0:
			l.stats.Unknown++
		default:
			l.stats.Bad++
		}
		return
	}
	var random Random
	var secret [48]byte
	first, second := word(rest)
	n := len(second) / 2
	whole := !long && len(first) == 2*len(random) && len(second)%2 == 0 && (n == lengths[0] || n == lengths[len(lengths)-1])
	if whole {
		_, err1 := hex.Decode(random[:], first)
		_, err2 := hex.Decode(secret[:], second)
		whole = err1 == nil && err2 == nil
	}
	if whole {
		l.keep(random, field, secret[:n])
	} else {
		l.stats.Bad++
	}
	clear(secret[:])
}

// word cuts a line, without blanks around it, behind its first word.
func word(line []byte) (first, rest []byte) {
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		return line, nil
	}
	return line[:i], bytes.TrimLeft(line[i:], " \t")
}

// notNeeded reports whether a label is one of secrets that data of the application is not encrypted with, or that follow from the
// first one (_N: after a KeyUpdate, of OpenSSL), or of which the secrets do not follow without the handshake (RSA, of NSS).
func notNeeded(label string) bool {
	switch label {
	case "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "EXPORTER_SECRET", "EARLY_EXPORTER_SECRET",
		"EARLY_EXPORTER_MASTER_SECRET", "CLIENT_EARLY_TRAFFIC_SECRET", "ECH_SECRET", "ECH_CONFIG", "RSA", "PMS_CLIENT_RANDOM":
		return true
	}
	return strings.HasPrefix(label, "QUIC_") || strings.HasPrefix(label, "CLIENT_TRAFFIC_SECRET_") || strings.HasPrefix(label, "SERVER_TRAFFIC_SECRET_")
}

// isLabel reports whether a word may be a label of a kind to come.
func isLabel(word []byte) bool {
	for _, c := range word {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return bytes.IndexByte(word, '_') >= 0
}
