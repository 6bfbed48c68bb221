//go:build !linux || goroutines

package loop

const polledBackend = false
