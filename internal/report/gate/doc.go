// Package gate decides whether a report is as expected: it compares a run with an expectation file, against a baseline
// of accepted findings, or against an earlier run.
package gate
