package analysis

// What a run takes over from an earlier one, when a live run gives up its connections because memory is short:
//
//  1. the counts of Summary, and the failures;
//  2. what each rule has reported: its groups, with their counts, connections, victims, notes, examples, and what their
//     titles are made from;
//  3. what ties findings by cause: waits without a reply, connections that lost their place, stalls.
//
// Sessions, client groups and what the rules themselves remember are given up. Everything taken over has a bound, so that
// a run may be resumed again and again.

// Resume makes r, which has not begun, continue an earlier run of the same traffic that is over. Findings are those of
// both: they come again at the end of r, complete. The numbers of connections must go on where before ended.
func (r *Run) Resume(before *Run) {
	r.summary = before.Summary()
	r.quality.failures = before.quality.failures
	r.earlier = r.topology.inherit(before.topology, before.earlier)
	r.register.Resume(before.register)
}
