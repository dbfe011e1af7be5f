// Package reader says which reply each caller got: for each write of a client, where in the server's stream its reader
// began and how many replies it took. It is an inference from times, ACK numbers and types, by connection, with what the
// connections of its population (package client) have in common.
//
// # Feeding it
//
// One Reader takes a whole capture, in capture order:
//
//	r := reader.New(reader.Options{}, func(v *reader.Verdict) { … })
//	c := r.Open(id, clientAddr, midstream)   // a connection, when its roles are known
//	c.Handshake(d)                           // SYN-ACK to ACK, as the tap saw it
//	c.Acked(t, ack)                          // each segment of the client, before what else it carries
//	c.Sent(&reader.Command{…})               // each command, when it is whole, with the ACK of its first transmission
//	c.Belongs(reader.Key{…})                 // its population, as soon as the set-up is over, at the latest before End
//	c.Known(reader.TakesTurns())             // what is known of its library, if anything
//	c.Answered(&reader.Reply{…})             // each reply, in the order of the server's stream, with the command it serves
//	c.LeftOut(index)                         // a command that the server did not answer, though a reply was due
//	c.Closed(&reader.Ending{…})              // the first FIN or RST
//	c.Abandon()                              // nobody reads in turn here: pub/sub, MONITOR, replication; before End
//	c.End(t)                                 // nothing more comes
//	r.Finish(now)
//
// A Verdict holds one Row for each command whose caller waits: the command whose reply it read, the word, and the
// posterior. Unknown is a word too: nobody can tell. A connection on which nothing slow, early or unanswered happened is
// settled when it ends, or every 256 writes, and only counts are kept of it; the others wait, as records of about 150 bytes
// a write, for Finish. Where these reach their bound all are judged by what is known so far and go on from there: Early
// counts that.
//
// # The model
//
// A hypothesis is (kind, read): what its client does with a reply whose caller has gone (client.Kind), and how many
// replies have been read or dropped. The number of replies owed, k, is the number sent less read. From one write to the
// next sign of life (a write, a close, the end) a caller either has what it waits for, at a known moment, and goes on a
// think time later; or it gave up somewhere in between, and the client goes on a turnaround later. Each hypothesis says
// how likely what was seen is; forward and backward pass weigh them along the connection; patience, think time, and what
// clients do after a give-up are estimated from the population, round by round (EM).
//
// Each kind of evidence is a small function in its own file: patience.go, think.go, toosoon.go, gaps.go, checks.go,
// ends.go, content.go, heldback.go, loss.go, doubt.go. Options.Without leaves one out, so that a table by term can be made.
package reader
