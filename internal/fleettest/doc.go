// Package fleettest runs the queries of docs/fleet.md on the output of the program.
package fleettest
