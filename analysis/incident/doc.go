// Package incident holds what belongs together: the occurrences that rules report, the findings that they become, and the
// graph of their causes.
//
// Rules write to a Collector; what a rule keeps of a group hangs on the group (Keep). A Register owns the collectors of one
// run.
package incident
