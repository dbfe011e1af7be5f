// Package client estimates what a population of connections has in common: how long its callers wait for a reply
// (patience), how soon they write again (think time), what they do when they give up, and what kinds of reader it is
// made of. It knows nothing of any one reply.
//
// A population is the connections of one client address with the same set-up. Its parameters are estimated from the
// traffic, or are priors whose reason stands beside them. Durations are seconds in float64 throughout: the tables below
// find a bin from the bits of a number.
package client
