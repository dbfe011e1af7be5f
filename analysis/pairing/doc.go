// Package pairing says which reply the server meant for each command of a connection.
//
// A Session takes the segments of one connection in order: Arrive, Bytes, Depart, and Close at the end. Its requests and
// replies become Exchanges, tied by order, by the modes of the connection (modeRules), and, where these contradict or bytes
// were lost, by an alignment or an anchor. What it finds it hands to its Sink as it happens; it knows nothing of beliefs.
package pairing
