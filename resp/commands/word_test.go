package commands

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/resp"
)

// Names of any length and case are found exactly where comparing them with the whole table finds them.
func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	slow := func(name, sub string) uint16 {
		full := strings.ToUpper(name)
		if sub != "" {
			full += "|" + strings.ToUpper(sub)
		}
		return uint16(slices.IndexFunc(commandTable[:], func(c Command) bool { return c.Name == full }) + 1)
	}
	for i := range commandTable {
		name, sub, _ := strings.Cut(commandTable[i].Name, "|")
		for range 30 {
			b, s := []byte(name), []byte(sub)
			for j := range b {
				if b[j] >= 'A' && b[j] <= 'Z' && r.IntN(2) == 0 {
					b[j] |= 0x20
				}
			}
			switch r.IntN(6) {
			case 0:
				b[r.IntN(len(b))] ^= 1 << r.IntN(7)
			case 1:
				b = b[:len(b)-1]
			case 2:
				b = append(b, "\x00A\x01\x06"[r.IntN(4)])
			}
			if len(b) == 0 {
				continue
			}
			want := slow(string(b), "")
			if got := find(b, nil); got != want {
				t.Errorf("%q is command %d, want %d", b, got, want)
			}
			if got := lookup(&resp.Request{Args: []resp.Arg{{Bytes: b, Len: len(b)}}, NArgs: 1}); got != want {
				t.Errorf("a request %q is command %d, want %d", b, got, want)
			}
			if sub == "" {
				continue
			}
			if exact := slow(string(b), sub); exact != 0 {
				want = exact
			}
			if got := lookup(&resp.Request{Args: []resp.Arg{{Bytes: b, Len: len(b)}, {Bytes: s, Len: len(s)}}, NArgs: 2}); got != want {
				t.Errorf("a request %q %q is command %d, want %d", b, s, got, want)
			}
			if got, want := find(b, s), slow(string(b), sub); got != want {
				t.Errorf("%q %q is command %d, want %d", b, s, got, want)
			}
		}
	}
	if find(nil, nil) != 0 || find([]byte{0}, nil) != 0 {
		t.Error("no name is a command")
	}
}

// A byte comes out as a letter if it is that letter in one case or the other, and in its own place.
func TestUpperWord(t *testing.T) {
	for c := range 256 {
		for n := minWord; n <= maxWord; n++ {
			for at := range n {
				b := make([]byte, n)
				b[at] = byte(c)
				got := upperWord(b)
				if got&^(0xff<<(8*at)) != 0 {
					t.Fatalf("%q is %#x", b, got)
				}
				upper := byte(got >> (8 * at))
				if want := bytes.ToUpper(b)[at]; (want >= 'A' && want <= 'Z' || upper >= 'A' && upper <= 'Z') && upper != want {
					t.Fatalf("%q is %#x", b, got)
				}
			}
		}
	}
}

// Each name has a place of its own in wordIndex.
func TestWordFactor(t *testing.T) {
	used := func(factor uint64) (n int) {
		for _, s := range indexWords(factor) {
			if s.id != 0 {
				n++
			}
		}
		return n
	}
	names := 0
	for c := range Commands() {
		if len(c.Name) >= minWord && len(c.Name) <= maxWord && strings.Trim(c.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
			names++
		}
	}
	if used(wordFactor) == names {
		return
	}
	r := rand.New(rand.NewPCG(6, 6))
	for range 100_000 {
		if f := r.Uint64() | 1; used(f) == names {
			t.Fatalf("names share places: let wordFactor be %#x", f)
		}
	}
	t.Fatal("names share places, and no factor was found: let wordBits be one more")
}

// IDs count the table through, and key says what keys say.
func TestCommandIDs(t *testing.T) {
	id := 0
	for c := range Commands() {
		if id++; c.ID() != id {
			t.Errorf("%s has ID %d, want %d", c, c.ID(), id)
		}
		key := 0
		if k := c.keys; len(k) == 1 && k[0].keyword == "" && !k[0].counted && k[0].last == 0 {
			key = k[0].pos
		}
		if int(c.key) != key {
			t.Errorf("%s has its key at %d, want %d", c, c.key, key)
		}
	}
	if id+1 != CommandIDs || (*Command)(nil).ID() != 0 {
		t.Errorf("%d commands, CommandIDs %d", id, CommandIDs)
	}
}

// Describe gives what Lookup, Summarise and FirstKey give.
func TestDescribe(t *testing.T) {
	for _, line := range []string{
		"GET k", "set k v NX", "MGET a b c", "PING", "PING x", "EVAL s 2 a b c", "XREAD COUNT 2 STREAMS a b 0 0", "CLIENT REPLY OFF", "JSON.GET k",
		"OBJECT ENCODING k", "GET", "MIGRATE h 1 k 0 5", `MIGRATE h 1 "" 0 5 COPY KEYS a b`, "SORT k STORE d", "SORT_RO k", "BITOP AND d a b",
	} {
		req := one(t, line+"\n")
		var c Call
		cmd, key, keyed := Describe(req, &c)
		if slot, ok := c.Slot(); ok || c.SlotDue() != keyed {
			t.Errorf("%s: slot %d %v before Locate", line, slot, ok)
		}
		if c.SlotDue() {
			c.Locate(key.Bytes)
		}
		want, ok := cmd.FirstKey(req)
		if cmd != Lookup(req) || c != Summarise(req) || keyed != ok || string(key.Bytes) != string(want.Bytes) || int(c.keys) != cmd.KeyCount(req) || cmd.ID() != int(c.command) {
			t.Errorf("%s: %v, %+v, %q %v", line, cmd, c, key.Bytes, keyed)
		}
		if slot, ok := c.Slot(); ok != keyed || ok && slot != resp.Slot(want.Bytes) {
			t.Errorf("%s: slot %d %v", line, slot, ok)
		}
	}
}
