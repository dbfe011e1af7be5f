// Package reader says which reply the caller of each command got.
//
// A Conn is the callers of one connection. It judges the commands in its pairing's log as soon as their fate is known, or
// when its population has shown enough, and hands each judged Exchange, and what went wrong, to the Sink of its run.
package reader
