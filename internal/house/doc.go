// Package house holds the tests that keep the repository in its shape: which package may import which, what libraries
// must not do, and that the tree names nothing outside itself. It has no code.
package house
