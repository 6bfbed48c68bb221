//go:build race

package socketio

// raceEnabled tells that the race detector's own allocations would be counted.
const raceEnabled = true
