// Package pools follows the life of connections: how each opened, was used and closed, and what the connections of one
// client to one server show together: timers of pools, chains of replacements, exhaustion and leaks.
package pools
