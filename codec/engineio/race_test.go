//go:build race

package engineio

// raceEnabled reports whether counts of allocations have the race detector's
// own.
const raceEnabled = true
