//go:build race

package msgpack

// raceEnabled tells that the race detector's own allocations would be counted.
const raceEnabled = true
