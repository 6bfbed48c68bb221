package loop

import (
	"bytes"
	"math"
	"runtime"
	"sync"

	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"
)

// A loop of gnet ends, with all its connections, when its callback returns
// ErrAcceptSocket, as it does whenever accept fails: also because another part
// of the process has taken the last descriptor. A spare descriptor does not
// prevent that, since another thread can take the number before accept does.
// gnet compares by errors.Is with an exported variable, so its value decides
// what it matches.
func init() {
	gneterrors.ErrAcceptSocket = acceptError{error: gneterrors.ErrAcceptSocket, unequal: math.NaN()}
}

// acceptError is gnet's error of a failed accept. It matches itself by Is
// alone, and does not on the goroutines of this package's loops. Other users of
// gnet in the process see no difference.
type acceptError struct {
	error
	unequal float64 // NaN: no value equals another
}

// Is is called by a loop of gnet as soon as its accept has failed.
func (acceptError) Is(target error) bool {
	if _, ok := target.(acceptError); !ok {
		return false
	}
	r, ours := accepting.Load(goroutine())
	if ours {
		r.(*reactor).acceptFailed()
	}
	return !ours
}

// accepting has the reactors of the goroutines that gnet's loops run on.
var accepting sync.Map

// goroutine identifies the calling goroutine in the life of the process. It
// costs a microsecond.
func goroutine() string {
	var b [64]byte
	id, _, _ := bytes.Cut(b[:runtime.Stack(b[:], false)], []byte(" ["))
	return string(id)
}

// acceptFailed is told on the loop's goroutine.
func (r *reactor) acceptFailed() { r.e.doors.failed(r.loop.index) }
