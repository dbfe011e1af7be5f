// Package page makes the page to look at a run with: what a run was made of, recorded in bounded memory while its events
// pass (Recorder), asked for in windows (Trace), and the front end that draws it, the same in one file (Write) and from a
// server (package view).
package page
