// Package invariants has checks that are compiled in with the build tag
// invariants only. They cost nothing without it: Enabled is a constant, so the
// compiler drops what depends on it.
//
//	if invariants.Enabled {
//		invariants.Check(f.refs.Load() > 0, "loop: frame used after its release")
//	}
//
// A broken invariant is a bug of this module, so it panics. CI runs the tests of
// eio, loop and sio once with the tag.
//
// All of it is safe for concurrent use.
package invariants

// Check panics with what if ok is false.
func Check(ok bool, what string) {
	if !ok {
		panic("invariant broken: " + what)
	}
}

// garbage is what Mangle writes: neither text nor a plausible length.
const garbage = 0xDB

// Mangle fills b, up to its capacity, with garbage, so that a slice of it that was
// kept too long shows.
func Mangle(b []byte) {
	b = b[:cap(b)]
	if len(b) == 0 {
		return
	}
	b[0] = garbage
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n]) // the race detector makes a loop over the bytes too slow for a loop
	}
}
