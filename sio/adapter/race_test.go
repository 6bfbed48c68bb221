//go:build race

package adapter

// raceEnabled says that the race detector, which allocates, is on.
const raceEnabled = true
