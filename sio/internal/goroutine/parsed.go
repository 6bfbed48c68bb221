package goroutine

import "runtime"

// parsed is the goroutine's number in the first line of a stack trace, "goroutine
// 1 [": the only place where the runtime tells it.
func parsed() (id uintptr) {
	var buf [32]byte
	for _, c := range buf[len("goroutine "):runtime.Stack(buf[:], false)] {
		if c < '0' || c > '9' {
			break
		}
		id = 10*id + uintptr(c-'0')
	}
	return id
}
