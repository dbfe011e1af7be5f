// Package resp turns the bytes of a Redis connection into requests and replies, as they were framed by the two ends.
//
// RequestDecoder reads what a client sends: arrays of bulk strings and inline commands. ReplyDecoder reads what a
// server sends: RESP2 and RESP3. Both are incremental, work in place on borrowed segments, step over bulk bodies by
// length without touching them, and go on after bytes that were never captured. What one line of a reply says of a
// cluster is read here too: redirects, and the slots that keys hash to. Package commands knows the commands.
//
// Everything read is hostile: memory grows with bytes seen and never with a declared length, nothing recurses, and every
// bound is a named constant.
//
// Sources: the Redis serialization protocol specification (RESP2, RESP3), networking.c of Redis 7.0 for what a server
// accepts and answers, and read.c of hiredis for what a client accepts.
package resp
