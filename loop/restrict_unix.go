//go:build unix

package loop

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// restrict sets the permissions of a socket before it gets its path, so that
// the path never has more. Linux does that; other systems refuse it, so that
// the directory's permissions must protect the socket for a moment.
func restrict(fd uintptr, mode fs.FileMode) { _ = unix.Fchmod(int(fd), uint32(mode.Perm())) }
