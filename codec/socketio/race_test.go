//go:build race

package socketio

// raceEnabled reports that the race detector runs, whose own allocations would
// count.
const raceEnabled = true
