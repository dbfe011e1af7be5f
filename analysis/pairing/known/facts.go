package known

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// Facts are what a command asks, and what it writes: hashes, 0 for nothing.
type Facts struct {
	Asks  uint64 // the question that its reply answers
	Sets  uint64 // the question whose answer it changes
	value uint64 // … to this; 0: to what its reply says
}

// use is what a command has to do with facts.
type use struct {
	asks  bool
	sets  uint16 // the reading command whose answer it changes
	value uint8  // place of the new value among the arguments; 0: the reply is it
	upTo  uint8  // place of the first argument that is no part of the question; 0: it changes no answer
}

// uses has the use of each command by its ID.
var uses = func() (table [commands.CommandIDs]use) {
	ids := map[string]int{}
	for c := range commands.Commands() {
		table[c.ID()].asks = c.Is(commands.ReadOnly) && c.HasKeys() && !c.MayBlock()
		ids[c.Name] = c.ID()
	}
	for _, w := range []struct {
		names, sets string
		value, upTo uint8
	}{
		{"SET SETNX GETSET", "GET", 2, 2}, {"SETEX PSETEX", "GET", 3, 2}, {"INCR DECR INCRBY DECRBY", "GET", 0, 2},
		{"HSET HSETNX", "HGET", 3, 3}, {"HINCRBY", "HGET", 0, 3},
	} {
		for name := range strings.FieldsSeq(w.names) {
			u := &table[ids[name]]
			u.sets, u.value, u.upTo = uint16(ids[w.sets]), w.value, w.upTo
		}
	}
	return table
}()

// fewArguments bounds the arguments of a question.
const fewArguments = 8

// prefix is how much of a text is hashed: with its length it tells values apart well enough, and no more of an element is kept.
const prefix = resp.MaxElemText

// Place is a database of a server.
func Place(server netip.AddrPort, database int) uint64 {
	a := server.Addr().As16()
	return mix(text(text(uint64(server.Port()), a[:8], 8), a[8:], 8) ^ uint64(database)<<32)
}

// text adds the beginning of a text, and its length, to a hash.
func text(h uint64, b []byte, length int) uint64 {
	const odd = 0x9e3779b97f4a7c15
	h = (h ^ uint64(length)) * odd
	b = b[:min(len(b), prefix)]
	for len(b) > 8 {
		w := binary.LittleEndian.Uint64(b)
		h = (h ^ w ^ h>>29) * odd
		b = b[8:]
	}
	w := uint64(0)
	switch n := len(b); {
	case n >= 4: // the two halves overlap where there are fewer than 8
		w = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		w = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	return (h ^ w ^ h>>29) * odd
}

// Of returns the facts of a command in a place.
func Of(place uint64, c *commands.Command, req *resp.Request) (f Facts) {
	u := &uses[c.ID()]
	if !u.asks && u.upTo == 0 || req.Opaque || req.NArgs > len(req.Args) || req.NArgs > fewArguments || req.NArgs < 2 {
		return f
	}
	if u.asks {
		f.Asks = question(place, uint64(c.ID()), req.Args[1:])
	}
	if u.upTo > 0 && req.NArgs > int(max(u.upTo-1, u.value)) {
		f.Sets = question(place, uint64(u.sets), req.Args[1:u.upTo])
		if u.value > 0 {
			f.value = ofText(req.Args[u.value].Bytes, req.Args[u.value].Len)
		}
	}
	return f
}

func question(place, id uint64, args []resp.Arg) uint64 {
	h := place ^ id
	for i := range args {
		h = text(h, args[i].Bytes, args[i].Len)
	}
	return mix(h) | 2
}

func ofText(b []byte, length int) uint64 { return mix(text(3, b, length)) | 2 }

// null is the answer that there is nothing.
const null = 2

// Value is the hash of a reply; 0: it says nothing.
func Value(r *resp.Reply) uint64 {
	switch r.Kind {
	case resp.Null:
		return null
	case resp.Bulk, resp.Simple, resp.Verbatim:
		if int64(len(r.Text)) < min(r.N, prefix) {
			return 0 // cut by the capture
		}
		return ofText(r.Text, max(int(r.N), len(r.Text)))
	case resp.Integer:
		return ofText(strconv.AppendInt(make([]byte, 0, 20), r.N, 10), 0) ^ 4
	case resp.Array, resp.Set, resp.Map:
		if r.Elements == 0 {
			return null
		}
		h := uint64(r.Kind)<<32 ^ uint64(r.Elements)
		for i := range r.Elems {
			e := &r.Elems[i]
			h = text(h^uint64(e.Kind), e.Text, int(e.N))
		}
		return mix(h) | 2
	}
	return 0
}

// Nothing reports whether a reply says that there is nothing.
func Nothing(r *resp.Reply) bool { return Value(r) == null }

// Answered takes the reply to a command with facts.
func (m *Memory) Answered(f *Facts, r *resp.Reply, before *Answer) {
	if f.Asks != 0 {
		if v := Value(r); v != 0 {
			m.learn(f.Asks, v, before)
		}
	}
	if f.Sets == 0 {
		return
	}
	switch queued := r.Kind == resp.Simple && string(r.Text) == "QUEUED"; {
	case f.value != 0 && !queued && (r.Kind == resp.Simple || r.Kind == resp.Integer && r.N > 0):
		m.holds(f.Sets, f.value)
	case f.value == 0 && r.Kind == resp.Integer:
		digits := strconv.AppendInt(make([]byte, 0, 20), r.N, 10)
		m.holds(f.Sets, ofText(digits, len(digits)))
	case r.Kind != resp.Error:
		m.forget(f.Sets) // it may be carried out later, a condition was not met, or the old value came back
	}
}
