// Package client says who the callers are: the populations of connections of one address with the same set-up, what library
// they use, how they send, and how long they wait for a reply.
//
// A Registry holds the populations of one run, a bounded number of them; a Conn feeds them with what its connection shows.
package client
