//go:build amd64 || arm64

package goroutine

// Current returns a number that the calling goroutine has as long as it lives. No
// other that lives has it, but later ones may. It costs about a nanosecond.
func Current() uintptr
