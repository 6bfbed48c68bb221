// Package invariants has checks that are compiled in with the build tag
// invariants only. They cost nothing without it: Enabled is a constant, so the
// compiler drops what depends on it.
//
//	if invariants.Enabled {
//		invariants.Check(f.refs.Load() > 0, "loop: released frame is used")
//	}
//
// A broken invariant is a bug of this module, so Check panics. CI runs the
// tests of eio, loop and sio once with the tag.
//
// All of it is safe for concurrent use.
package invariants

import "sync/atomic"

// Frames is how many of package loop's frames have references, if Enabled.
var Frames atomic.Int64

// Orders has the order of locks checked, if Enabled: see [Mutex]. That takes
// microseconds for each lock. It may be changed only while none is held.
var Orders atomic.Bool

// Check panics with what if ok is false.
func Check(ok bool, what string) {
	if !ok {
		breach(what)
	}
}

// Broken is the first invariant that was broken; nil for none. Where user code
// may panic, the panic of Check is recovered.
var Broken atomic.Pointer[string]

func breach(what string) {
	Broken.CompareAndSwap(nil, &what)
	panic("invariant broken: " + what)
}

// Garbage is the byte that Mangle writes: neither text nor a plausible length.
const Garbage = 0xDB

// Mangle fills b, up to its capacity, with Garbage, so that the use of a slice
// that was kept too long shows.
func Mangle(b []byte) {
	b = b[:cap(b)]
	if len(b) == 0 {
		return
	}
	b[0] = Garbage
	// Copies, because the race detector makes a write of each byte slow.
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}
