//go:build race

package wsframe

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
