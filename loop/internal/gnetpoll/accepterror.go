//go:build linux

package gnetpoll

import (
	"math"
	"sync"

	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"

	"github.com/sioserver/sioserver/loop/internal/goid"
)

// A loop of gnet ends, with all its connections, when its callback returns
// ErrAcceptSocket. It does so whenever accept fails, for instance because
// another part of the process has taken the last descriptor. A spare descriptor
// cannot prevent that: another thread can take the number before accept does.
// But gnet compares by errors.Is with an exported variable, so the value of
// that variable decides what it matches.
func init() {
	gneterrors.ErrAcceptSocket = acceptError{error: gneterrors.ErrAcceptSocket, unequal: math.NaN()}
}

// acceptError is gnet's error of a failed accept. On the goroutines of this
// package's loops it does not match itself, so that gnet's loop goes on. Other
// users of gnet in the process see no difference.
type acceptError struct {
	error
	unequal float64 // NaN: no two values are equal, so errors.Is calls Is
}

// Is is called by a loop of gnet as soon as its accept has failed.
func (acceptError) Is(target error) bool {
	if _, ok := target.(acceptError); !ok {
		return false
	}
	p, ours := accepting.Load(goid.Current())
	if ours {
		p := p.(*poller)
		p.e.listeners.failed(p.index)
	}
	return !ours
}

// accepting maps the goroutines on which gnet runs loops to their pollers.
var accepting sync.Map
