package reader

import "github.com/respsniff/respsniff/analysis/client"

// unread reports whether a pool that looks for unread bytes before use finds some when the next reply to be read is read.
func unread(v *view, h *state, st *step, read int32) bool {
	if h.kind != client.Checks || st.what == nextNothing || read > st.own+st.n-1 {
		return false
	}
	return read < 0 || v.end[read] <= st.nextAck && v.at[read] < st.next
}

// checkedThen is the chance of what such a pool does then: it closes, but for the race between its look and the bytes.
func checkedThen(st *step) float64 {
	if st.what == nextWrite {
		return 0.02
	}
	return 0.95
}
