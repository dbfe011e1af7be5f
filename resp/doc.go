// Package resp turns the bytes of a Redis connection into requests and replies, as they were framed by the two ends.
//
// RequestDecoder reads what a client sends: arrays of bulk strings and inline commands. ReplyDecoder reads what a
// server sends: RESP2 and RESP3. Both are incremental, work in place on borrowed segments, step over bulk bodies by
// length without touching them, and go on after bytes that were never captured. The package also knows what each
// command may be answered with (Lookup, Summarise, Call.Allows), where its keys are and which cluster slot they hash to.
//
// Everything read is hostile: memory grows with bytes seen and never with a declared length, nothing recurses, and every
// bound is a named constant.
//
// Sources: the Redis serialization protocol specification (RESP2, RESP3), networking.c of Redis 7.0 for what a server
// accepts and answers, read.c of hiredis for what a client accepts, and the command descriptions of Valkey 8.0.
package resp

//go:generate go run ./internal/gentable -commands $VALKEY_COMMANDS -out commands_table_gen.go -markers internal/gentable/markers.txt
