//go:build !race

package simulation

// repeatable: goroutines run in one order, so a run can be repeated.
const repeatable = true
