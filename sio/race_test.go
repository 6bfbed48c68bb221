//go:build race

package sio

// raceEnabled says that the race detector, which allocates, is on.
const raceEnabled = true
