// Package inference weighs what the callers of one connection can have read: each hypothesis says how likely a View of
// the connection is, which is its writes and what followed them. It knows no packets, no records and no other
// connections: package reader makes the views, estimates what connections of one client have in common, and turns weights
// into words.
//
// # The model
//
// A hypothesis is (kind, read): what its client does with a reply whose caller has gone (client.Kind), and how many
// replies have been read or dropped. The number of replies owed, k, is the number sent less read. From one write to the
// next sign of life (a write, a close, the end) a caller either has what it waits for, at a known moment, and goes on a
// think time later; or it gave up somewhere in between, and the client goes on a turnaround later. Each hypothesis says
// how likely what was seen is; forward and backward pass weigh them along the connection; patience, think time, and what
// clients do after a give-up are given.
//
// Each kind of evidence is a small function in its own file: patience.go, think.go, toosoon.go, gaps.go, checks.go,
// ends.go, content.go, heldback.go, loss.go, doubt.go. Pass.Without leaves one out, so that a table by term can be made.
package inference
