// Package align finds which reply serves which command where the order alone does not fit: the cheapest alignment of the two
// sequences.
package align

// Costs of the moves of an alignment. A command that the server left out, and a reply that it added, are rare; a known
// fault of servers is less so; two neighbours in the wrong order are rarer than either; a reply that cannot answer its
// command is the last resort: the table of commands is wrong about this server.
const (
	CostSkip     = 6
	costKnown    = 4
	costSwap     = 8
	costBad      = 10
	costTrailing = 6 // a command at the end without a reply, though the server had long fallen silent
	costNever    = 1 << 20
)

// Fit is the verdict on one reply as the answer of one command.
type Fit uint8

const (
	Fits    Fit = iota
	Unfit       // type, shape, status or named command contradict
	Foreign     // slot or echo contradict
	TooSoon     // the server's kernel did not have the command yet
)

// Outcome is what one command got on the best alignments.
type Outcome struct {
	Reply   int  // index, outcomeSkipped or outcomePending
	Several bool // the best alignments disagree
}

// Values of Outcome.Reply that are no reply: the command was left out, or waits for one.
const (
	Skipped = -1 - iota
	Pending
	unset
)

// Problem is commands and replies in order, and how well each suits each: the alignment is to be found.
type Problem struct {
	Commands, Replies int
	Fit               func(command, reply int) Fit
	Known             func(command int) bool // servers are known to leave this one out
	Quiet             bool                   // the server has sent all replies that it will send
}

// Solution is the best alignment, or what the best ones have in common.
type Solution struct {
	Cost     int
	Unique   bool
	Commands []Outcome
	Extra    []int // replies that some best alignment calls unsolicited
	Extras   int   // how many of them are, where all best alignments agree; else 0
	Missing  []int // commands that some best alignment leaves without a reply
	Skips    int   // how many of them are without, where all best alignments agree; else 0
	Swapped  bool
	FIFO     int  // contradictions when each reply goes to the next command
	Hard     bool // one of them is by slot or echo
	Bad      bool // the best alignment still contains a contradiction
}

// Solve finds the cheapest alignments by dynamic programming over (command, reply), O(commands × replies).
//
//  1. ahead[i][j] is the cost of the best way to (i, j), behind[i][j] that of the best way on from there.
//  2. A move is on a best alignment if the cost up to it, its own and the cost behind it make the minimum.
//  3. What a command got is certain if all such moves that consume it agree.
func (p *Problem) Solve() Solution {
	n, m := p.Commands, p.Replies
	w := m + 1
	ahead, behind := make([]int, (n+1)*w), make([]int, (n+1)*w)
	for i := range ahead {
		ahead[i], behind[i] = costNever, costNever
	}
	ahead[0] = 0
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			p.moves(i, j, func(i2, j2, cost int, _ bool) {
				ahead[i2*w+j2] = min(ahead[i2*w+j2], ahead[i*w+j]+cost)
			})
		}
	}
	for i := n; i >= 0; i-- {
		for j := m; j >= 0; j-- {
			best := costNever
			if j == m {
				best = p.trailing(i)
			}
			p.moves(i, j, func(i2, j2, cost int, _ bool) {
				best = min(best, cost+behind[i2*w+j2])
			})
			behind[i*w+j] = best
		}
	}
	s := Solution{Cost: behind[0], Unique: true, Commands: make([]Outcome, n)}
	for i := range s.Commands {
		s.Commands[i].Reply = unset
	}
	note := func(i, r int) {
		if c := &s.Commands[i]; c.Reply == unset {
			c.Reply = r
		} else if c.Reply != r {
			c.Several = true
		}
	}
	perSkip, anySwap, anyExtra := make([]bool, n), false, make([]bool, m)
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			if ahead[i*w+j]+behind[i*w+j] != s.Cost {
				continue
			}
			if j == m && ahead[i*w+j]+p.trailing(i) == s.Cost {
				for k := i; k < n; k++ {
					note(k, Pending)
				}
			}
			p.moves(i, j, func(i2, j2, cost int, swap bool) {
				if ahead[i*w+j]+cost+behind[i2*w+j2] != s.Cost {
					return
				}
				switch {
				case swap:
					anySwap = true
					note(i, j+1)
					note(i+1, j)
				case i2 > i && j2 > j:
					note(i, j)
					s.Bad = s.Bad || cost > 0
				case i2 > i:
					note(i, Skipped)
					perSkip[i] = true
				default:
					anyExtra[j] = true
				}
			})
		}
	}
	for i := range s.Commands {
		s.Unique = s.Unique && !s.Commands[i].Several
		if perSkip[i] {
			s.Missing = append(s.Missing, i)
		}
	}
	for j, extra := range anyExtra {
		if extra {
			s.Extra = append(s.Extra, j)
		}
	}
	s.Swapped = anySwap && len(s.Missing) == 0 && len(s.Extra) == 0
	switch {
	case anySwap || s.Bad:
	case len(s.Extra) == 0 && len(s.Missing) > 0:
		s.Skips = p.countSkips(&s)
	case len(s.Missing) == 0 && len(s.Extra) > 0 && s.Commands[n-1].Reply != Pending:
		s.Extras = s.Cost / CostSkip
	}
	for i := range min(n, m) {
		switch p.Fit(i, i) {
		case Unfit:
			s.FIFO++
		case Foreign:
			s.FIFO++
			s.Hard = true
		}
	}
	return s
}

// countSkips returns how many commands are left without a reply, where only such moves cost anything.
func (p *Problem) countSkips(s *Solution) int {
	cost := s.Cost
	if p.Quiet && s.Commands[len(s.Commands)-1].Reply == Pending {
		return 0
	}
	known := 0
	for _, i := range s.Missing {
		if p.Known(i) {
			known++
		}
	}
	switch {
	case known == 0 && cost%CostSkip == 0:
		return cost / CostSkip
	case known == len(s.Missing) && cost%costKnown == 0:
		return cost / costKnown
	}
	return 0
}

// trailing is the cost of leaving the commands from i on without a reply.
func (p *Problem) trailing(i int) int {
	if !p.Quiet {
		return 0
	}
	return (p.Commands - i) * costTrailing
}

// moves calls yield with each way on from (i, j).
func (p *Problem) moves(i, j int, yield func(i2, j2, cost int, swap bool)) {
	n, m := p.Commands, p.Replies
	if i < n && j < m {
		switch p.Fit(i, j) {
		case Fits:
			yield(i+1, j+1, 0, false)
		case Unfit:
			yield(i+1, j+1, costBad, false)
		case Foreign:
			yield(i+1, j+1, costBad, false)
		}
	}
	if i < n {
		cost := CostSkip
		if p.Known(i) {
			cost = costKnown
		}
		yield(i+1, j, cost, false)
	}
	if j < m {
		yield(i, j+1, CostSkip, false)
	}
	if i+1 < n && j+1 < m && p.Fit(i, j+1) == Fits && p.Fit(i+1, j) == Fits &&
		(p.Fit(i, j) != Fits || p.Fit(i+1, j+1) != Fits) {
		yield(i+2, j+2, costSwap, true)
	}
}

// Agreed reports whether the solution may be asserted: it is better than the pairing in order, and it resolves enough
// contradictions of that: two, or one by slot or echo, or one beside a known fault of servers, or one beside a command
// that the pairing in order leaves without a reply for good, or a reply that it leaves without a command.
func (s *Solution) Agreed(p *Problem) bool {
	if s.Bad {
		return false
	}
	resolved := s.FIFO
	if s.Hard {
		resolved++
	}
	for _, i := range s.Missing {
		if p.Known(i) {
			resolved++
			break
		}
	}
	if p.Quiet && p.Commands != p.Replies {
		resolved++
	}
	return s.FIFO > 0 && resolved >= minResolved
}

// minResolved is how many contradictions of the pairing in order another one must resolve.
const minResolved = 2
