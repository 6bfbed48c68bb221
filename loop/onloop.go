package loop

import (
	"sync"

	"github.com/sioserver/sioserver/loop/internal/goid"
)

// coroutines has the loop of each coroutine, by its goroutine's id.
var coroutines sync.Map

// OnLoop reports whether it is called on a loop's goroutine, as in callbacks.
// Code must not wait there. OnLoop costs a microsecond: call it before waiting.
// It is false on the loops of package looptest.
func OnLoop() bool {
	_, on := coroutines.Load(goid.Current())
	return on
}
