// Package analysis turns the segments of Redis connections into exchanges, and exchanges into findings.
//
// An exchange is one command with two replies: the one it serves and the one its caller believes.
//
//   - serves: the reply that the server meant for the command. It follows from the protocol: Redis answers in order,
//     and the modes of the connection say what counts as an answer.
//   - believes: the reply that the command's caller got. It follows from what the client had received when it wrote
//     its next command (ACK numbers), and from how long it waits (its read timeout).
//   - owed: how many replies the client's readers have not consumed although their commands were given up.
//   - dirty: a connection used again while a reply was owed.
//   - policy: whether a client waits for each reply (lockstep), writes batches and then reads all replies (pipelines),
//     or lets many callers share one connection (multiplex).
//   - lockstep: the policy of one command, or one batch, at a time; only here does a command written before the
//     previous reply arrived mean that somebody stopped waiting.
//
// The package is the run: it hands segments to its rooms and their findings to the rules. The rooms are pairing
// (serves), client (who the callers are), reader (believes), pools (the life of connections), cluster (servers) and incident
// (what belongs together).
//
// On a desynchronised connection the wire usually looks perfect: each command is served. The difference between serves
// and believes is the finding.
package analysis
