//go:build race

package simulation

// repeatable is false because the race detector makes the order of goroutines
// random.
const repeatable = false
