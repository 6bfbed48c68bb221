//go:build race

package http1

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
