// Package traffic counts what goes by: commands, how long they took, errors, bytes and keys, by command, by server and
// by client, in bounded memory.
package traffic
