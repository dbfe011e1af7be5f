package analysis

import "github.com/respsniff/respsniff/capture"

// Victim is a command whose caller got another command's reply. Its strings are safe to print.
type Victim struct {
	Index      int // command number on its connection, from 1
	Command    string
	Key        string
	Serves     int // command whose reply the server meant for it; 0: none seen
	Believes   int // command whose reply its caller got; 0: none
	Frame      int64
	File       int32 // of Frame
	Time       capture.Time
	Meant      string // the reply the server meant, as "bulk, 57 bytes"
	Got        string // the reply the caller got
	Saw        string // nil, wrong type, wrong value, redirect, error
	Confidence Confidence
}
