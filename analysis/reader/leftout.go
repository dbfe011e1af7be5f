package reader

import "slices"

// Where the server left out a reply to one command of a write, a client that takes replies in turn gives the next one to that
// caller, and so on, whatever it does with late replies; the last caller of the write waits for one that never comes.

// inTurnOf moves the rows of those who read their own replies by as many replies as were left out before them in the same
// write, and adds rows for the commands without one.
func inTurnOf(v *view, rows []Row) []Row {
	left, write := int32(0), 0
	for i := range v.covered() {
		for write+1 < len(v.c.writes) && v.c.writes[write+1].index <= v.c.base+int32(i)+1 {
			left = 0
			write++
		}
		f := v.c.commands[i].flags
		out := f&(Awaited|LeftOut) == Awaited|LeftOut
		if !out && (left == 0 || v.own[i] < 0) {
			continue
		}
		index := v.c.base + int32(i) + 1
		at, found := slices.BinarySearchFunc(rows, index, func(r Row, index int32) int { return int(r.Index - index) })
		switch {
		case out && index > v.c.told:
			if !found {
				rows = slices.Insert(rows, at, Row{Index: index})
			}
			rows[at] = readAt(v, index, nextOwn(v, i)+left, write, WordOf(thresholds[1].least), thresholds[1].least)
		case found && rows[at].Got == Read && rows[at].Reply == index:
			rows[at] = readAt(v, index, v.own[i]+left, write, rows[at].Word, rows[at].Posterior)
		}
		if out {
			left++
		}
	}
	return rows
}

// nextOwn is the place of the first reply to a command behind i, or the end of the stream.
func nextOwn(v *view, i int) int32 {
	for _, at := range v.own[i:] {
		if at >= 0 {
			return at
		}
	}
	return int32(len(v.At))
}

// readAt is the row of a caller of a write that read the reply at a place of the stream, if there is one for that write.
func readAt(v *view, index, place int32, write int, w Word, posterior float64) Row {
	late := int(place) >= len(v.At) || v.At[place] == inf
	if !late && write+1 < len(v.c.writes) && v.Command[place] >= v.c.writes[write+1].index {
		late = true
	}
	if late {
		return Row{Index: index, Got: Nothing, Word: w, Posterior: posterior}
	}
	if v.Command[place] <= 0 {
		return Row{Index: index, Got: Extra, Word: w, Posterior: posterior}
	}
	return Row{Index: index, Got: Read, Reply: v.Command[place], Word: w, Posterior: posterior}
}
