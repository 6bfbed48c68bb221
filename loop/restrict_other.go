//go:build !unix

package loop

import "io/fs"

// restrict does nothing: sockets have no permissions before they have a path.
func restrict(uintptr, fs.FileMode) {}
