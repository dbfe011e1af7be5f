package reader

import (
	"testing"

	"github.com/respsniff/respsniff/analysis/client"
)

// A name that may be in the bytes that are missing makes no accusation surer.
func TestLostSetUpAccusesNobody(t *testing.T) {
	conn := &Conn{}
	c := &fitted{v: &view{c: conn}, gain: positive + 1}
	for lost, want := range map[bool]Word{false: Strong, true: Likely} {
		conn.setUp.lost = lost
		if w := accuses(&population{shown: shown{each: 10}}, c, Strong); w != want {
			t.Errorf("lost %v: %v", lost, w)
		}
		if w := accuses(&population{named: true, shown: shown{each: 10}}, c, Strong); w != Strong {
			t.Errorf("lost %v, and another connection has it: %v", lost, w)
		}
	}
}

// A library names itself in the set-up: bytes that are missing behind it named none.
func TestLostSetUp(t *testing.T) {
	for _, x := range []struct {
		name     string
		commands []Command
		want     bool
	}{
		{"whole", []Command{{End: 10, Flags: SetUp}, {Start: 10, End: 20}}, false},
		{"the first one", []Command{{Start: 10, End: 20}}, true},
		{"one of it", []Command{{End: 10, Flags: SetUp}, {Start: 20, End: 30, Flags: SetUp}}, true},
		{"the last one", []Command{{End: 10, Flags: SetUp}, {Start: 20, End: 30}}, true},
		{"what follows", []Command{{End: 10, Flags: SetUp}, {Start: 10, End: 20}, {Start: 30, End: 40}}, false},
	} {
		var s setUp
		for i := range x.commands {
			if !s.over {
				s.see(&x.commands[i])
			}
		}
		if s.lost != x.want {
			t.Errorf("%s: %v", x.name, s.lost)
		}
	}
}

// Where only the client was captured, nothing tells one that forgets its dead callers from one that throws late replies away.
func TestOneSidedForgets(t *testing.T) {
	for kind, want := range map[client.Kind]Word{client.Keeps: Strong, client.Checks: Strong, client.Forgets: Possible} {
		c := &fitted{v: &view{c: &Conn{pop: &population{}}}, gain: 2 * positive}
		c.v.c.assumed = true
		c.post[kind] = 1
		if w := accuses(&population{shown: shown{each: 10}}, c, Strong); w != want {
			t.Errorf("%v: %v", kind, w)
		}
	}
}
