//go:build race

package deflate

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
