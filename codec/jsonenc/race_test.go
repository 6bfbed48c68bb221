//go:build race

package jsonenc

// raceEnabled reports that the race detector runs, whose own allocations would
// count.
const raceEnabled = true
