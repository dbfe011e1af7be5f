// Package report writes what an analysis found, for people and for machines. Every format renders the same Document,
// and a Document saved as JSON can be rendered again in any format.
//
// Text in a Document may come from anybody's capture, directly or through a saved file: each writer escapes it for
// its own format, behind Printable, which removes what acts on a terminal.
package report
