package analysis

// Costs of the moves of an alignment. A command that the server left out, and a reply that it added, are rare; a known
// fault of servers is less so; two neighbours in the wrong order are rarer than either; a reply that cannot answer its
// command is the last resort, and means that the table of commands is wrong about this server.
const (
	costSkip     = 6
	costKnown    = 4
	costSwap     = 8
	costBad      = 10
	costTrailing = 6 // a command at the end without a reply, though the server had long fallen silent
	costNever    = 1 << 20
)

// fit says what speaks for and against one reply answering one command.
type fit uint8

const (
	fits    fit = iota
	unfit       // type, shape, status or named command contradict
	foreign     // slot or echo contradict
	tooSoon     // the server's kernel did not have the command yet
)

// outcome is what one command got on the best alignments.
type outcome struct {
	reply   int  // index, outcomeSkipped or outcomePending
	several bool // the best alignments disagree
}

const (
	outcomeSkipped = -1 - iota
	outcomePending
	outcomeUnset
)

// puzzle is an alignment to be found: commands and replies in order, and how well each suits each.
type puzzle struct {
	commands, replies int
	fit               func(command, reply int) fit
	known             func(command int) bool // servers are known to leave this one out
	quiet             bool                   // the server has said all that it will say
}

// solution is the best alignment, or what the best ones have in common.
type solution struct {
	cost     int
	unique   bool
	commands []outcome
	extra    []int // replies that some best alignment calls unsolicited
	extras   int   // how many of them are, where all best alignments agree; else 0
	skipped  []int // commands that some best alignment leaves without a reply
	skips    int   // how many of them are without, where all best alignments agree; else 0
	swapped  bool
	fifo     int  // contradictions when each reply goes to the next command
	hard     bool // one of them is by slot or echo
	bad      bool // the best alignment still holds a contradiction
}

// solve finds the cheapest alignments by dynamic programming over (command, reply), O(commands × replies).
//
//  1. ahead[i][j] is the cost of the best way to (i, j), behind[i][j] that of the best way on from there.
//  2. A move is on a best alignment if the cost up to it, its own and the cost behind it make the minimum.
//  3. What a command got is certain if all such moves that consume it say the same.
func (p *puzzle) solve() solution {
	n, m := p.commands, p.replies
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
	s := solution{cost: behind[0], unique: true, commands: make([]outcome, n)}
	for i := range s.commands {
		s.commands[i].reply = outcomeUnset
	}
	note := func(i, r int) {
		if c := &s.commands[i]; c.reply == outcomeUnset {
			c.reply = r
		} else if c.reply != r {
			c.several = true
		}
	}
	perSkip, anySwap, anyExtra := make([]bool, n), false, make([]bool, m)
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			if ahead[i*w+j]+behind[i*w+j] != s.cost {
				continue
			}
			if j == m && ahead[i*w+j]+p.trailing(i) == s.cost {
				for k := i; k < n; k++ {
					note(k, outcomePending)
				}
			}
			p.moves(i, j, func(i2, j2, cost int, swap bool) {
				if ahead[i*w+j]+cost+behind[i2*w+j2] != s.cost {
					return
				}
				switch {
				case swap:
					anySwap = true
					note(i, j+1)
					note(i+1, j)
				case i2 > i && j2 > j:
					note(i, j)
					s.bad = s.bad || cost > 0
				case i2 > i:
					note(i, outcomeSkipped)
					perSkip[i] = true
				default:
					anyExtra[j] = true
				}
			})
		}
	}
	for i := range s.commands {
		s.unique = s.unique && !s.commands[i].several
		if perSkip[i] {
			s.skipped = append(s.skipped, i)
		}
	}
	for j, extra := range anyExtra {
		if extra {
			s.extra = append(s.extra, j)
		}
	}
	s.swapped = anySwap && len(s.skipped) == 0 && len(s.extra) == 0
	switch {
	case anySwap || s.bad:
	case len(s.extra) == 0 && len(s.skipped) > 0:
		s.skips = p.countSkips(&s)
	case len(s.skipped) == 0 && len(s.extra) > 0 && s.commands[n-1].reply != outcomePending:
		s.extras = s.cost / costSkip
	}
	for i := range min(n, m) {
		switch p.fit(i, i) {
		case unfit:
			s.fifo++
		case foreign:
			s.fifo++
			s.hard = true
		}
	}
	return s
}

// countSkips returns how many commands are left without a reply, where only such moves cost anything.
func (p *puzzle) countSkips(s *solution) int {
	cost := s.cost
	if p.quiet && s.commands[len(s.commands)-1].reply == outcomePending {
		return 0
	}
	known := 0
	for _, i := range s.skipped {
		if p.known(i) {
			known++
		}
	}
	switch {
	case known == 0 && cost%costSkip == 0:
		return cost / costSkip
	case known == len(s.skipped) && cost%costKnown == 0:
		return cost / costKnown
	}
	return 0
}

// trailing is the cost of leaving the commands from i on without a reply.
func (p *puzzle) trailing(i int) int {
	if !p.quiet {
		return 0
	}
	return (p.commands - i) * costTrailing
}

// moves calls yield with each way on from (i, j).
func (p *puzzle) moves(i, j int, yield func(i2, j2, cost int, swap bool)) {
	n, m := p.commands, p.replies
	if i < n && j < m {
		switch p.fit(i, j) {
		case fits:
			yield(i+1, j+1, 0, false)
		case unfit:
			yield(i+1, j+1, costBad, false)
		case foreign:
			yield(i+1, j+1, costBad, false)
		}
	}
	if i < n {
		cost := costSkip
		if p.known(i) {
			cost = costKnown
		}
		yield(i+1, j, cost, false)
	}
	if j < m {
		yield(i, j+1, costSkip, false)
	}
	if i+1 < n && j+1 < m && p.fit(i, j+1) == fits && p.fit(i+1, j) == fits &&
		(p.fit(i, j) != fits || p.fit(i+1, j+1) != fits) {
		yield(i+2, j+2, costSwap, true)
	}
}

// agreed reports whether the solution may be asserted: it is better than the plain pairing, and the contradictions
// that it resolves are witnesses enough: two, or one by slot or echo, or one beside a known fault of servers, or one
// beside a command that the plain pairing leaves without a reply for good, or a reply that it leaves without a command.
func (s *solution) agreed(p *puzzle) bool {
	if s.bad {
		return false
	}
	witnesses := s.fifo
	if s.hard {
		witnesses++
	}
	for _, i := range s.skipped {
		if p.known(i) {
			witnesses++
			break
		}
	}
	if p.quiet && p.commands != p.replies {
		witnesses++
	}
	return s.fifo > 0 && witnesses >= minWitness
}

// minWitness is how many contradictions of the plain pairing another one must resolve.
const minWitness = 2
