// Package live runs the analysis over packets as they are captured, for hours: findings are reported while the run goes
// on, packets are recorded beside it, and memory stays bounded.
package live
