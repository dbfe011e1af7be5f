// Package keylog reads the secrets of TLS connections from key logs in the format of NSS (SSLKEYLOGFILE, RFC 9850).
package keylog

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/respsniff/respsniff/internal/bound"
)

// Random is the random of a ClientHello, under which a key log has the secrets of a connection.
type Random [32]byte

// Secrets are what was logged of one connection. What is not known is nil; lines that are read later are added in place.
type Secrets struct {
	Master []byte // of TLS 1.2 and before: 48 bytes
	Client []byte // first application traffic secret of TLS 1.3 of what the client sends: 32 or 48 bytes
	Server []byte // likewise of what the server sends
	// Other has values that contradict these, of lines under the same random: one of the lines is damaged, and only a record
	// tells which. Each of its fields stands by itself beside the one here. nil almost always.
	Other *Secrets
}

// Format keeps secrets out of whatever is printed.
func (Secrets) Format(s fmt.State, _ rune) { fmt.Fprint(s, "(secrets)") }

// Format keeps secrets, and lines that are not finished, out of whatever is printed.
func (*Log) Format(s fmt.State, _ rune) { fmt.Fprint(s, "(key log)") }

// Log keeps secrets by random. It is used by one goroutine.
type Log struct {
	// Missing, if it is set, is called once, when Find or All do not have what is looked for: secrets that stand where they were
	// not read so far may be read into the log then.
	Missing func()

	max     *bound.Bound
	entries map[Random]*Secrets
	order   []Random // as they came
	gone    int      // given up before those of order
	stats   Stats
	own     Stream // of Write
}

// Stats counts lines. Blank ones and comments are none.
type Stats struct {
	Lines       int64
	Used        int64 // told a secret that was not known
	Other       int64 // of what is not needed, as the secrets of handshakes
	Doubled     int64 // said again what was known
	Conflicting int64 // of Used: contradict an earlier line under the same random
	Bad         int64 // no label, random and secret of the right lengths
	Unknown     int64 // of labels that are not known
}

// maxSecrets is how many connections' secrets are kept, at some 250 bytes each.
const maxSecrets = 1 << 17

// New returns an empty log whose limit is one of the set. When it is reached the oldest secrets are given up.
func New(set *bound.Set) *Log {
	l := &Log{entries: map[Random]*Secrets{}, max: set.New(bound.Bound{
		Name: "secrets of TLS connections", Limit: set.Scaled(maxSecrets), Loses: bound.History, Hides: "what was said on TLS connections whose secrets were logged first",
	})}
	l.own.log = l
	return l
}

// Find returns what is known of the connection whose ClientHello has this random. The result is the log's and stays valid.
func (l *Log) Find(r Random) (*Secrets, bool) {
	s := l.entries[r]
	if s == nil && l.missing() {
		s = l.entries[r]
	}
	return s, s != nil
}

// missing calls Missing, and reports whether there is more to be had since.
func (l *Log) missing() bool {
	call := l.Missing
	if call == nil {
		return false
	}
	l.Missing = nil
	before := l.stats.Used
	call()
	return l.stats.Used > before
}

// All returns the secrets of all connections in the order in which they first came, for connections whose ClientHello was not
// captured. What is added meanwhile comes too.
func (l *Log) All() iter.Seq2[Random, *Secrets] {
	return func(yield func(Random, *Secrets) bool) {
		for next := 0; ; next++ {
			if next >= l.gone+len(l.order) && !l.missing() {
				return
			}
			next = max(next, l.gone)
			if next >= l.gone+len(l.order) {
				return // more of those that were there is known, and no other
			}
			if r := l.order[next-l.gone]; !yield(r, l.entries[r]) {
				return
			}
		}
	}
}

// Len returns of how many connections secrets are kept.
func (l *Log) Len() int { return len(l.order) }

// Stats returns what was counted so far.
func (l *Log) Stats() Stats { return l.stats }

// secrets returns those under a random, with room for them if there are none.
func (l *Log) secrets(r Random) *Secrets {
	if s := l.entries[r]; s != nil {
		return s
	}
	if !l.max.Admits(len(l.order)) {
		delete(l.entries, l.order[0])
		l.order = l.order[1:]
		l.gone++
	}
	s := &Secrets{}
	l.entries[r] = s
	l.order = append(l.order, r)
	return s
}

// keep puts a secret where field says. A value that contradicts an earlier one is kept beside it, one for each secret: of what a
// third line says nothing is known that the first two do not.
func (l *Log) keep(r Random, field func(*Secrets) *[]byte, secret []byte) {
	s := l.secrets(r)
	switch at := field(s); {
	case *at == nil:
		*at = bytes.Clone(secret)
		l.stats.Used++
		return
	case bytes.Equal(*at, secret):
		l.stats.Doubled++
		return
	}
	l.stats.Conflicting++
	if s.Other == nil {
		s.Other = &Secrets{}
	}
	if at := field(s.Other); *at == nil {
		*at = bytes.Clone(secret)
		l.stats.Used++
	}
}
