//go:build !unix

package main

import "io"

// isTerminal says no where it cannot know: plain output is right everywhere.
func isTerminal(io.Writer) bool { return false }
