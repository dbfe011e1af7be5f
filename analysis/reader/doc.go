// Package reader says which reply each caller got: for each write of a client, where in the server's stream its reader
// began and how many replies it took. It is an inference from times, ACK numbers and types, by connection, with what the
// connections of its population (package client) have in common.
//
// # Feeding it
//
// One Reader takes a whole capture, in capture order:
//
//	r := reader.New(reader.Options{Settled: …}, func(v *reader.Verdict) { … })
//	c := r.Open(id, clientAddr, midstream)   // a connection, when its roles are known
//	c.Handshake(d)                           // SYN-ACK to ACK, as the tap saw it
//	c.Acked(t, ack)                          // each segment of the client, before what else it carries
//	c.Sent(&reader.Command{…})               // each command, when it is whole, with the ACK of its first transmission
//	c.Belongs(reader.Key{…})                 // its population, as soon as the set-up is over, at the latest before End
//	c.Answered(&reader.Reply{…})             // each reply, in the order of the server's stream, with the command it serves
//	c.LeftOut(index)                         // a command that the server did not answer, though a reply was due
//	c.Closed(&reader.Ending{…})              // the first FIN or RST
//	c.Abandon()                              // nobody reads in turn here: pub/sub, MONITOR, replication; before End
//	c.End(t)                                 // nothing more comes
//	r.Tick(now)                              // of a live capture, with each packet or less often
//	r.Finish(now)
//
// Options.Settled tells of the callers that read their own replies for certain, most of them, as soon as the next write
// shows it. A Verdict tells of the others, with one Row for each command whose caller waits: the reply that it read, or that
// it got none, the word, and the posterior. Unknown is a word too: nobody can tell. The last verdict of each connection says
// that it Ended; Conn.Tag brings its owner back. Reader.Habits says at any time what a population does, and Reader.Tick
// has the doubts of a live capture judged while their connections go on.
//
// # One command on its way
//
// A client sends GET at 0; its segment acknowledges 10 bytes of the server. Acked finds that reply, the one before, among
// those kept and notes when it was delivered. Sent finds that GET begins a new write, and so ends the step before it:
// goOn asks settleLast whether that one leaves no doubt. Its commands got one reply each, in order and without a gap
// (inTurn); the last of them lies below the 10 bytes, so its caller had it; it took 0.1 ms, no longer than replies usually do
// and than anybody was seen to wait, so nobody had given up by then. Wait, think time and gap go into the counts of the
// population (level), Settled is called, and the write is flagged: it stays among the last 16 to 32 as evidence of how the
// connection is used, and is counted no more. Then GET is kept as a record, and Answered adds its reply.
//
// Had the client sent GET before that reply, the write before would stay, and all that follows, as records of about 110
// bytes a write. A reply that was only slow is forgiven once 16 writes have followed it and a view of the records (newView)
// is quiet; else the connection waits for its population to be judged: at Finish, by Tick, or when the records reach their
// bound, which Early counts. Judged before its end, a connection goes on with the hypotheses that are left (carry), and
// settles its writes one by one again as soon as none of them is behind.
//
// # The model
//
// Package inference weighs hypotheses along one connection: it has the model, and each kind of evidence. What that needs to
// know of a population is estimated here, round by round (EM, population.go); verdict.go and words.go turn weights into words.
package reader
