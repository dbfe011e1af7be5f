package analysis

import (
	"time"
)

// parameters are the parameters of rules as the user gave them.
type parameters map[string]string

// duration returns a duration above 0, or 0 where none was given.
func (p parameters) duration(name string) time.Duration {
	d, err := time.ParseDuration(p[name])
	if err != nil {
		return 0
	}
	return max(d, 0)
}
