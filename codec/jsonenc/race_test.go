//go:build race

package jsonenc

// raceEnabled tells that the race detector's own allocations would be counted.
const raceEnabled = true
