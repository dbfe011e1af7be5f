package align

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// letters makes an alignment problem of words: a command is a letter, and the replies that fit it are the same letter in
// lower case. 'X' takes anything, 'A' is a command that servers are known to leave out, '!' a reply that fits nothing.
func letters(commands, replies string, quiet bool) *Problem {
	return &Problem{
		Commands: len(commands), Replies: len(replies), Quiet: quiet,
		Fit: func(i, j int) Fit {
			if commands[i] == 'X' || strings.ToLower(commands[i:i+1]) == replies[j:j+1] {
				return Fits
			}
			return Unfit
		},
		Known: func(i int) bool { return commands[i] == 'A' },
	}
}

// show writes what each command got: the place of its reply, "-" for none, "." for not yet, "?" where it is open.
func (s *Solution) show() string {
	var b strings.Builder
	for _, o := range s.Commands {
		switch {
		case o.Several:
			b.WriteByte('?')
		case o.Reply == Skipped:
			b.WriteByte('-')
		case o.Reply == Pending:
			b.WriteByte('.')
		default:
			fmt.Fprintf(&b, "%d", o.Reply)
		}
	}
	return b.String()
}

func TestAlignments(t *testing.T) {
	for _, c := range []struct {
		commands, replies string
		quiet             bool
		want              string
		agreed            bool
		skips, extras     int
	}{
		{"GIG", "gig", true, "012", false, 0, 0},   // nothing contradicts
		{"GILP", "glp", true, "0-12", true, 1, 0},  // one left out
		{"GILP", "glp", false, "0-12", true, 1, 0}, // the same, more may come
		{"GGI", "gi", true, "??1", true, 1, 0},     // one of two is left out
		{"GI", "ggi", true, "?2", true, 0, 1},      // one of two is too many
		{"GIGL", "ggil", true, "0213", true, 0, 0}, // neighbours exchanged
		{"PAG", "pg", true, "0-1", true, 1, 0},     // an AUTH left out
		{"PAG", "pg", false, "0-1", true, 1, 0},    // … needs no silence
		{"GI", "gg", true, "01", false, 0, 0},      // the table is wrong about one command
		{"GGGG", "ggg", true, "????", false, 1, 0}, // nothing shows which
		{"I", "g", false, ".", false, 0, 0},        // too early to decide
		{"XI", "gi", true, "01", false, 0, 0},      // an unknown command takes anything
	} {
		p := letters(c.commands, c.replies, c.quiet)
		s := p.Solve()
		if got := s.show(); got != c.want {
			t.Errorf("%s < %s (quiet %v): %s, want %s", c.commands, c.replies, c.quiet, got, c.want)
		}
		if s.Agreed(p) != c.agreed || s.Skips != c.skips || s.Extras != c.extras {
			t.Errorf("%s < %s (quiet %v): agreed %v, skips %d, extras %d", c.commands, c.replies, c.quiet, s.Agreed(p), s.Skips, s.Extras)
		}
	}
}

// TestAlignmentsOfTruth leaves replies out, adds some and exchanges neighbours. Where an alignment is asserted and its
// cost is that of what was done, each command that it is sure of got its own reply.
func TestAlignmentsOfTruth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	asserted := 0
	for range 3000 {
		n := 2 + rnd.IntN(8)
		commands, replies := make([]byte, n), []byte{}
		own := make([]int, n)
		for i := range commands {
			commands[i] = "GILPS"[rnd.IntN(5)]
			own[i] = len(replies)
			replies = append(replies, commands[i]|0x20)
		}
		left := rnd.IntN(n)
		if rnd.IntN(2) == 0 {
			replies = append(replies[:left], replies[left+1:]...)
			for i := range own {
				if i == left {
					own[i] = Skipped
				} else if i > left {
					own[i]--
				}
			}
		} else {
			replies = append(replies[:left], append([]byte{"gilps"[rnd.IntN(5)]}, replies[left:]...)...)
			for i := range own {
				if i >= left {
					own[i]++
				}
			}
		}
		p := letters(string(commands), string(replies), true)
		s := p.Solve()
		if !s.Agreed(p) || s.Cost != CostSkip {
			continue
		}
		asserted++
		for i, o := range s.Commands {
			if !o.Several && o.Reply != own[i] && !(o.Reply == Pending && own[i] == Skipped) {
				t.Fatalf("%s < %s: command %d got reply %d, its own is %d", commands, replies, i, o.Reply, own[i])
			}
		}
	}
	if asserted < 500 {
		t.Errorf("only %d alignments were asserted", asserted)
	}
}
