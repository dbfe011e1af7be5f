package inference

import "github.com/respsniff/respsniff/analysis/client"

// unread reports whether a pool that looks for unread bytes before use finds some when the next reply to be read is read.
func unread(v *View, h *State, st *Step, read int32) bool {
	if h.kind != client.Checks || st.What == NextNothing || read > st.Own+st.N-1 {
		return false
	}
	return read < 0 || v.End[read] <= st.NextAck && v.At[read] < st.Next
}

// checkedThen is the chance of what such a pool does then: it closes, but for the race between its look and the bytes.
func checkedThen(st *Step) float64 {
	if st.What == NextWrite {
		return 0.02
	}
	return 0.95
}
