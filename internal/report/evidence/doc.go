// Package evidence cuts the packets of connections out of a capture, each with what it shows, and without the secrets
// that were sent on them.
package evidence
