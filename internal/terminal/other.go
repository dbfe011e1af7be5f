//go:build !unix

package terminal

import "io"

// Columns says 0 where it cannot know: plain output is right everywhere.
func Columns(io.Writer) int { return 0 }
