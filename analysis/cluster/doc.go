// Package cluster follows servers: nodes and their slot maps, redirects between them, and the times in which a server's
// process was stalled while its kernel acknowledged commands.
package cluster
