// Package gate decides whether a report is as expected: it holds a run against an expectation file, against a baseline
// of accepted findings, or against an earlier run.
package gate
