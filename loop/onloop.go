package loop

import (
	"sync"

	"github.com/sioserver/sioserver/loop/internal/goid"
)

// coroutines has the goroutines of all contained.
var coroutines sync.Map

// OnLoop reports whether the caller's goroutine is a loop's, as it is in callbacks:
// code that may wait must not do so there. It costs a microsecond, so it is for those
// that are about to wait. Loops of package looptest are not known.
func OnLoop() bool {
	_, on := coroutines.Load(goid.Current())
	return on
}
