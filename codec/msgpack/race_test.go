//go:build race

package msgpack

// raceEnabled reports that the race detector runs, whose own allocations would
// count.
const raceEnabled = true
